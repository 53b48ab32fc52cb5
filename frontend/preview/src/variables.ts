import { Dashboard, EMPTY, Frame, Variable } from './dashboard';

export const ALL = '$__all';

/** What is looked at: the only state, and it lives in the address after `#`, named as Grafana names it. */
export interface State {
  from: string;
  to: string;
  theme: string | null;
  /** Chosen values by variable; `[ALL]` for All. */
  chosen: Record<string, string[]>;
}

export type Option = { text: string; value: string };

/** The variables that have values; the choice of a datasource has one here. */
export const variablesOf = (dashboard: Dashboard) =>
  (dashboard.templating?.list ?? []).filter(({ type }) => ['query', 'custom', 'constant', 'textbox'].includes(type));

export function readState(hash: string, dashboard: Dashboard): State {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  const chosen = variablesOf(dashboard).map(({ name, current }) => {
    const values = given.getAll(`var-${name}`);
    return [name, values.length ? values : [current?.value ?? []].flat()];
  });
  return {
    from: given.get('from') ?? dashboard.time?.from ?? 'now-26w/w',
    to: given.get('to') ?? dashboard.time?.to ?? 'now/w',
    theme: given.get('theme'),
    chosen: Object.fromEntries(chosen),
  };
}

export function writeState({ from, to, theme, chosen }: State): string {
  const written = new URLSearchParams({ from, to, ...(theme && { theme }) });
  Object.entries(chosen).forEach(([name, values]) => values.forEach((value) => written.append(`var-${name}`, value)));
  return `#${written}`;
}

/** A link of the dashboard to the plugin's resources as the same address here, filled with what is chosen. */
export function linkOf(url: string, state: State): string {
  const chosen = [...new URLSearchParams(writeState(state).slice(1))];
  const keysOf = (name: string) => (name === '__url_time_range' ? ['from', 'to'] : [`var-${name}`]);
  return url
    .replace(/^.*\/resources\//, '/api/')
    .replace(/\$\{(\w+)[^}]*\}/g, (_all, name) =>
      new URLSearchParams(chosen.filter(([key]) => keysOf(name).includes(key))).toString()
    );
}

/** The SQL of a variable that asks for its values. */
export const sqlOf = ({ type, query }: Variable) =>
  type !== 'query' ? undefined : typeof query === 'string' ? query : (query?.rawSql ?? query?.query);

/** What a variable's query gave: `__text` and `__value`, or the first column. Each value once. */
export function optionsOf(frame: Frame): Option[] {
  const named = (...names: string[]) => frame.fields.find((field) => names.includes(field.name.toLowerCase()));
  const values = named('__value', 'value') ?? named('__text', 'text') ?? frame.fields[0];
  const texts = named('__text', 'text') ?? values;
  const options =
    values?.values.map((value, at) => ({ value: String(value), text: String(texts.values[at]) || EMPTY })) ?? [];
  return [...new Map(options.map((option) => [option.value, option])).values()];
}

/** The values that stand in the file: `a, label : b`. */
export function fileOptions({ type, query, current }: Variable): Option[] {
  if (type !== 'custom' || typeof query !== 'string') {
    return [current?.value ?? []].flat().map((value) => ({ text: value, value }));
  }
  return query.split(',').map((item) => {
    const [text, value = text] = item.split(' : ').map((part) => part.trim());
    return { text, value };
  });
}

/** The chosen values that there are; else All, else the first. */
export function choose({ type, multi, includeAll }: Variable, wanted: string[], options: Option[]): string[] {
  const kept = wanted.filter((value) => type === 'textbox' || options.some((option) => option.value === value));
  if (includeAll && (wanted.includes(ALL) || kept.length === 0)) {
    return [ALL];
  }
  return kept.length ? kept.slice(0, multi ? undefined : 1) : options.slice(0, 1).map(({ value }) => value);
}

/** A variable as the query model takes it. All is every value where the dashboard does not say `$__all`. */
export function valueOf({ multi, allValue }: Variable, chosen: string[], options: Option[]): unknown {
  if (chosen.includes(ALL)) {
    return allValue ?? options.map(({ value }) => value);
  }
  return multi ? chosen : (chosen[0] ?? '');
}
