import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

import { expandConditionalAll } from './sql/conditionalAll';
import { formatVariable, literal, VariableTraits } from './sql/quoting';
import { isInsideQuotes, quotedRanges } from './sql/scan';

const ALL = '$__all';

/** What Grafana may replace: `$name`, `[[name:format]]`, `${name.path:format}`. */
const REFERENCE = /\$\w+|\[\[\w+(?::\w+)?\]\]|\$\{[^}]+\}/g;
const SEARCH_FILTER = ['$__searchFilter', '${__searchFilter}', '[[__searchFilter]]'];
/** What the backend takes for a variable inside quotes. */
const BACKEND_REFERENCE = /\$[A-Za-z_]\w*|\$\{[^{}$'"`\n\r]*\}|\[\[[\w:]+\]\]/g;
/** What the backend replaces by nothing: it keeps apart what is no variable. */
const APART = '${__nothing}';

/** Writes the template variables' values into SQL, once: neither here nor in the backend a text in a value is read again. */
export function interpolate(sql: string, scopedVars: ScopedVars, templateSrv: TemplateSrv): string {
  const text = expandConditionalAll(sql, (name) => isAll(name, scopedVars, templateSrv));
  // As SQL text this one is ours: quoted outside strings, as the backend does it.
  const { __searchFilter: searchFilter, ...others } = scopedVars;
  const typed = `${searchFilter?.value ?? ''}%`;
  const inserted: Range[] = [];
  let out = '';
  let from = 0;
  for (const match of text.matchAll(REFERENCE)) {
    const [reference] = match;
    out += text.slice(from, match.index);
    from = match.index + reference.length;
    let value: string;
    if (SEARCH_FILTER.includes(reference)) {
      value = isInsideQuotes(text, match.index) ? formatVariable(typed) : literal(typed);
    } else {
      value = templateSrv.replace(reference, others, formatVariable);
    }
    if (value !== reference) {
      inserted.push([out.length, out.length + value.length]);
    }
    out += value;
  }
  return keptApart(out + text.slice(from), inserted);
}

type Range = [start: number, end: number];

/**
 * The text with every reference broken that lies inside quotes and holds something of a value: a pattern may well contain
 * `$__from` or `[[x]]`, and the backend replaces variables inside quotes too. What a person wrote is left alone, and so is
 * a value outside quotes, which may be SQL of the dashboard's author.
 */
function keptApart(sql: string, inserted: Range[]): string {
  const overlaps = (ranges: Range[], start: number, end: number) =>
    ranges.some((range) => range[0] < end && start < range[1]);
  let quoted: Range[] | undefined;
  let out = '';
  let from = 0;
  for (const match of inserted.length > 0 ? sql.matchAll(BACKEND_REFERENCE) : []) {
    const end = match.index + match[0].length;
    if (overlaps(inserted, match.index, end)) {
      quoted ??= quotedRanges(sql);
      if (overlaps(quoted, match.index, end)) {
        out += sql.slice(from, match.index + 1) + APART;
        from = match.index + 1;
      }
    }
  }
  return out + sql.slice(from);
}

/** Whether a variable is set to All here: a repeated panel has its own value for a variable that is All elsewhere. */
function isAll(name: string, scopedVars: ScopedVars, templateSrv: TemplateSrv): boolean | undefined {
  const scoped = scopedVars[name];
  if (scoped) {
    return isAllValue(scoped.value);
  }
  const variable = templateSrv.getVariables().find((candidate) => candidate.name === name);
  if (!variable) {
    return undefined;
  }
  if (!('current' in variable) || !isAllValue((variable.current as { value?: unknown } | undefined)?.value)) {
    return false;
  }
  // All reaches the formatter as the list of all options, or not at all when it has a custom value.
  let ownValue = false;
  templateSrv.replace(`\${${name}}`, scopedVars, (value: unknown, _: VariableTraits) => {
    ownValue = !Array.isArray(value) && value !== ALL;
    return '';
  });
  return !ownValue;
}

function isAllValue(value: unknown): boolean {
  return value === ALL || (Array.isArray(value) && value[0] === ALL);
}
