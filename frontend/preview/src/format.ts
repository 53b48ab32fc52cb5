/** Values as Grafana's units show them; only the units that dashboards over reports use. */

const number = (value: number, decimals: number, useGrouping = false) =>
  value.toLocaleString('en-US', { maximumFractionDigits: decimals, useGrouping });

/** Three digits that mean something. */
const digits = (value: number) => Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));

type Steps = Array<[number, string]>;
const SECONDS: Steps = [[1e9, ' Ms'], [1e6, ' ks'], [1e3, ' s'], [1, ' ms'], [1e-3, ' µs']]; // prettier-ignore
const COUNTS: Steps = [[1e12, ' T'], [1e9, ' B'], [1e6, ' M'], [1e3, ' K'], [1, '']]; // prettier-ignore

function scaled(value: number, steps: Steps, decimals?: number): string {
  const [least, suffix] = steps.find(([least]) => Math.abs(value) >= least) ?? steps[steps.length - 1];
  return number(value / least, decimals ?? digits(value / least)) + suffix;
}

export function format(value: unknown, unit?: string, decimals?: number): string {
  if (typeof value !== 'number') {
    return value == null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  switch (unit) {
    case 'si:ms':
      return value === 0 ? '0 ms' : scaled(value, SECONDS, decimals);
    case 'short':
      return scaled(value, COUNTS, decimals);
    case 'locale':
      return number(value, decimals ?? 2, true);
    default:
      return number(value, decimals ?? digits(value)) + (unit === 'percent' ? '%' : '');
  }
}

const DAY = 86_400_000;
export const WEEK = 7 * DAY;
/** A Monday. */
const ORIGIN = 4 * DAY;

/** ISO year and week of an instant, in UTC. */
export function isoWeek(ms: number): { year: number; week: number } {
  const monday = (instant: number) => Math.floor((instant - ORIGIN) / WEEK) * WEEK + ORIGIN;
  const year = new Date(monday(ms) + 3 * DAY).getUTCFullYear();
  return { year, week: (monday(ms) - monday(Date.UTC(year, 0, 4))) / WEEK + 1 };
}

/** A time by a unit such as `time:GG[W]WW`; without one as day and minute. */
export function formatTime(ms: number, unit?: string): string {
  const pattern = unit?.startsWith('time:') ? unit.slice(5) : 'YYYY-MM-DD HH:mm';
  const { year, week } = isoWeek(ms);
  const iso = new Date(ms).toISOString();
  const [YYYY, MM, DD, HH, mm] = iso.split(/\D/);
  const [GGGG, W] = [String(year), String(week)];
  const [GG, YY, WW] = [GGGG.slice(-2), YYYY.slice(-2), W.padStart(2, '0')];
  const tokens: Record<string, string> = { GGGG, GG, WW, W, YYYY, YY, MM, DD, HH, mm };
  return pattern.replace(/\[([^\]]*)\]|GGGG|GG|WW|W|YYYY|YY|MM|DD|HH|mm/g, (all, text) => text ?? tokens[all]);
}

/** Mondays from `min` to `max`, at least `space` pixels apart on an axis of `width` pixels. */
export function mondays(min: number, max: number, width: number, space: number): number[] {
  const weeks = (max - min) / WEEK;
  const step = [1, 2, 4, 8, 13, 26, 52, 104, 260].find((step) => (step / weeks) * width >= space) ?? Math.ceil(weeks);
  const first = Math.ceil((min - ORIGIN) / WEEK / step) * step;
  const count = Math.max(0, Math.floor((max - ORIGIN) / WEEK / step) - first / step + 1);
  return Array.from({ length: count }, (_none, at) => (first + at * step) * WEEK + ORIGIN);
}
