import { EMPTY, Field, FieldConfig, Frame, Panel } from './dashboard';
import { format } from './format';

/** A field as the panel's options show it. */
export interface Shown {
  field: Field;
  name: string;
  config: FieldConfig;
  /** Left out of the drawing, or of the tooltip. */
  hidden: { viz?: boolean; tooltip?: boolean };
}

/** The fields with the panel's defaults and overrides. */
export function shown(frame: Frame, panel: Panel): Shown[] {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  return frame.fields.map((field) => {
    const config: FieldConfig = { ...defaults, ...field.config };
    for (const { matcher, properties } of overrides) {
      if (matches(matcher, field, nameOf(field, config))) {
        for (const { id, value } of properties) {
          const custom = id.startsWith('custom.') && { ...config.custom, [id.slice('custom.'.length)]: value };
          Object.assign(config, custom ? { custom } : { [id]: value ?? undefined });
        }
      }
    }
    return { field, name: nameOf(field, config), config, hidden: config.custom?.hideFrom ?? {} };
  });
}

function matches({ id, options }: { id: string; options?: unknown }, field: Field, name: string): boolean {
  if (id === 'byRegexp') {
    const [, body, flags] = /^\/(.*)\/(\w*)$/s.exec(String(options)) ?? [null, String(options), ''];
    return new RegExp(body, flags).test(name);
  }
  return id === 'byType' ? field.type === options : id === 'byName' && (name === options || field.name === options);
}

function nameOf(field: Field, { displayName, displayNameFromDS }: FieldConfig): string {
  if (displayName) {
    const filled = displayName.replace(/\$\{__field\.labels\.([^}]+)\}/g, (_all, label) => field.labels?.[label] ?? '');
    return filled.replace(/\$\{__field\.name\}/g, field.name) || EMPTY;
  }
  const labels = Object.entries(field.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return displayNameFromDS || (labels.length ? `${field.name} {${labels.join(', ')}}` : field.name);
}

export const show = (value: unknown, config: FieldConfig) => format(value, config.unit, config.decimals ?? undefined);

/** A colour of the theme: `--c3` for the fourth series, `--red` for a name; other colours are themselves. */
export function themed(name: string | number): string {
  const plain = typeof name === 'number' ? `c${name % 12}` : name.replace(/^(super-light|light|semi-dark|dark)-/, '');
  const style = getComputedStyle(document.documentElement);
  return (/^\w+$/.test(plain) && style.getPropertyValue(`--${plain}`).trim()) || String(name);
}

/** The colour of a series, or of one value where thresholds colour. */
export function colorOf({ color, thresholds }: FieldConfig, at: number, value?: unknown): string {
  if (color?.mode === 'thresholds' && typeof value === 'number') {
    return themed(thresholds?.steps.filter((step) => value >= (step.value ?? -Infinity)).pop()?.color ?? 'green');
  }
  return themed(color?.mode === 'fixed' && color.fixedColor ? color.fixedColor : at);
}

const CALCS: Record<string, [string, (values: number[]) => number]> = {
  lastNotNull: ['Last', (values) => values[values.length - 1]],
  max: ['Max', (values) => Math.max(...values)],
  sum: ['Total', (values) => values.reduce((sum, value) => sum + value, 0)],
};

/** A legend's or stat's calculation: its heading and its value over the numbers that are there. */
export function calculate(calc: string, field: Field): { title: string; value: number | undefined } {
  const [title, run] = CALCS[calc] ?? CALCS.lastNotNull;
  const values = field.values.filter((value): value is number => typeof value === 'number');
  return { title, value: values.length ? run(values) : undefined };
}
