import { EMPTY, Panel } from './dashboard';
import { h, tooltip } from './dom';
import { calculate, colorOf, show, Shown } from './fields';
import { formatTime } from './format';
import { Pick } from './timeseries';

/** Rows of a table that are shown. */
const ROWS = 500;

const cell = ({ field, config }: Shown, at: number) =>
  field.type === 'time' ? formatTime(field.values[at] as number, config.unit) : show(field.values[at], config);

/** A stat panel: the last value of each number, large. */
export function drawStat(body: HTMLElement, panel: Panel, fields: Shown[]) {
  const calc = panel.options?.reduceOptions?.calcs?.[0] ?? 'lastNotNull';
  const numbers = fields.filter(({ field }) => field.type === 'number');
  const stats = numbers.map(({ name, field, config }, at) => {
    const { value } = calculate(calc, field);
    const number = h('span.value', show(value, config));
    number.style.color = colorOf(config, at, value);
    return h('div.stat', number, h('span.name', name));
  });
  body.replaceChildren(h('div.stats', ...stats));
}

/** A bar chart panel with one bar per row, its names at the left. */
export function drawBars(body: HTMLElement, panel: Panel, fields: Shown[], pick: Pick) {
  const named = (name?: string) => fields.find(({ field }) => field.name === name);
  const names = named(panel.options?.xField) ?? fields.find(({ field }) => field.type === 'string');
  const bars = fields.find(({ field, hidden }) => field.type === 'number' && !hidden.viz);
  const colored = named(panel.options?.colorByField) ?? bars;
  if (!names || !bars || !colored) {
    return drawTable(body, panel, fields);
  }
  const most = Math.max(...bars.field.values.map(Number)) || 1;
  const told = fields.filter(({ hidden }) => !hidden.tooltip).filter((one) => one !== names);
  const texts = names.field.values.map((name) => String(name ?? '').trim() || EMPTY);
  // A place without a value is there for Grafana, whose bars share the height.
  const rows = bars.field.values.flatMap((value, at) => {
    const pattern = named('pattern')?.field.values[at];
    const lines = () => told.map((one) => h('tr', h('td', one.name), h('td.text', cell(one, at))));
    const bar = h('span.bar');
    bar.style.width = `${(100 * Math.max(0, Number(value))) / most}%`;
    bar.style.background = colorOf(colored.config, 0, colored.field.values[at]);
    const attributes = {
      'aria-label': `${texts[at]}: ${cell(bars, at)}`,
      onclick: () => typeof pattern === 'string' && (tooltip(), pick(pattern)),
      onmousemove: (event: MouseEvent) => tooltip(event, texts[at], lines()),
      onmouseleave: () => tooltip(),
    };
    const track = h('span.track', bar, h('span', cell(bars, at)));
    return value === null ? [] : h('button.row', attributes, h('span.name', texts[at]), track);
  });
  const chart = h('div.bars', { role: 'group', 'aria-label': panel.title }, ...rows);
  chart.style.setProperty('--names', `${Math.min(Math.max(...texts.map((text) => text.length)), 46) + 1}ch`);
  body.replaceChildren(chart);
}

/** Any other panel: its rows. */
export function drawTable(body: HTMLElement, panel: Panel, fields: Shown[]) {
  const count = fields[0].field.values.length;
  const cells = (at: number) => fields.map((one) => h(`td.${one.field.type}`, cell(one, at)));
  const rows = Array.from({ length: Math.min(count, ROWS) }, (_none, at) => h('tr', ...cells(at)));
  const head = h('thead', h('tr', ...fields.map(({ name }) => h('th', { scope: 'col' }, name))));
  const about = { tabindex: 0, role: 'region', 'aria-label': panel.title };
  const more = count > ROWS && h('p.empty', `${count - ROWS} more rows are not shown`);
  body.replaceChildren(h('div.table', about, h('table', head, h('tbody', ...rows)), more));
}
