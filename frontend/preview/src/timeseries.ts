import uPlot from 'uplot';
import { Panel } from './dashboard';
import { h, swatch, tooltip } from './dom';
import { calculate, colorOf, show, Shown, themed } from './fields';
import { formatTime, mondays, WEEK } from './format';
import { Column, stacked, withGaps } from './series';

/** Called with a pattern that was clicked. */
export type Pick = (pattern: string) => void;

/** Draws a time series panel into `body`; returns what ends it. */
export function drawTimeSeries(body: HTMLElement, panel: Panel, fields: Shown[], pick: Pick) {
  const time = fields.find(({ field }) => field.type === 'time');
  const series = fields.filter(({ field, hidden }) => field.type === 'number' && !hidden.viz);
  if (!time || series.length === 0) {
    return body.replaceChildren(h('p.empty', 'The query gives no time series'));
  }
  const { custom = {} } = panel.fieldConfig?.defaults ?? {};
  // Grafana's axis has dates, and a field that is not drawn has the week: here, the axis has weeks.
  const unit = [time, ...fields].map(({ config }) => config.unit).find((unit) => unit?.startsWith('time:'));
  const isLog = (series[0].config.custom?.scaleDistribution as { type?: string } | undefined)?.type === 'symlog';
  const isBars = custom.drawStyle === 'bars';
  const isStacked = (custom.stacking as { mode?: string } | undefined)?.mode === 'normal';
  const colors = series.map(({ config }, at) => colorOf(config, at));
  const values = series.map(({ field }) => field.values as Column);
  const { times, columns } = withGaps(time.field.values as number[], values, custom.insertNulls);
  const [first, last] = [times[0], times[times.length - 1]];
  // A bar begins at its time; what is at the only time stands in the middle.
  const [beside, ahead] = first === last ? [WEEK, 0] : [0, isBars ? WEEK : 0];
  const drawn = isStacked ? stacked(columns) : columns;
  // The highest of a stack is drawn first, so that the others stand before it.
  const order = series.map((_one, at) => (isStacked ? series.length - 1 - at : at));
  const label = `${panel.title}: ${series.length} series at ${values[0].length} times, listed in the table`;
  const plot = h('div.plot', { role: 'img', 'aria-label': label });
  const focus = (at: number | null) => chart.setSeries(at === null ? null : order.indexOf(at) + 1, { focus: true });
  const isBeside = panel.options?.legend?.placement === 'right';
  body.replaceChildren(h(isBeside ? 'div.beside' : 'div.stacked', plot, legend(panel, series, colors, pick, focus)));
  const hasPoints = (at: number) => !isBars && times.length < 400 && series[at].config.custom?.showPoints !== 'never';
  // At the only time a line without points, the threshold, would be nothing: it goes from edge to edge.
  const across = ({ data, bbox, valToPos }: uPlot, at: number) => ({
    stroke: new Path2D(`M${bbox.left} ${Math.round(valToPos(data[at][0] ?? NaN, 'y', true))}h${bbox.width}`),
  });
  const grid = { stroke: themed('grid'), width: 1 };
  const axis = { stroke: themed('dim'), grid, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const size = () => ({ width: Math.max(120, plot.clientWidth), height: Math.max(80, plot.clientHeight) });
  const chart = new uPlot(
    {
      ...size(),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), 'UTC'),
      padding: [8, 36, 0, 0],
      legend: { show: false },
      focus: { alpha: 0.25 },
      cursor: { sync: { key: 'time' }, points: { show: !isStacked, size: 7 }, drag: { x: false, y: false } },
      scales: {
        x: { range: () => [first - beside, last + beside + ahead] },
        y: {
          distr: isLog ? 4 : 1,
          range: (_chart, min, max) =>
            isLog
              ? uPlot.rangeAsinh(min ?? 0, max ?? 1, 10, true)
              : [Math.min(min ?? 0, Number(custom.axisSoftMin ?? Infinity)), Math.max(max ?? 0, 0) * 1.06 || 1],
        },
      },
      axes: [
        {
          ...axis,
          size: 28,
          values: (_chart, splits) => splits.map((ms) => formatTime(ms, unit)),
          ...(unit && { splits: (chart) => mondays(first, last, chart.bbox.width / devicePixelRatio, 64) }),
        },
        {
          ...axis,
          ...(isLog && { label: 'logarithmic' }),
          values: (_chart, splits) => splits.map((value) => (value === null ? '' : show(value, series[0].config))),
          size: (_chart, texts) => 16 + 7 * Math.max(...(texts ?? ['']).map((text) => text.length)),
        },
      ],
      series: [
        {},
        ...order.map((at) => ({
          stroke: colors[at],
          width: isBars ? 0 : Number(series[at].config.custom?.lineWidth ?? 2),
          dash: (series[at].config.custom?.lineStyle as { dash?: number[] } | undefined)?.dash,
          ...(beside && !hasPoints(at) && { paths: across }),
          points: { show: hasPoints(at), size: 5, fill: colors[at] },
          ...(isBars && { fill: colors[at], paths: uPlot.paths.bars?.({ size: [0.8, 60], align: ahead ? 1 : 0 }) }),
        })),
      ],
    },
    [times, ...order.map((at) => drawn[at])],
    plot
  );

  /** The row nearest to the pointer, and the series whose part of its bar, or point within 16 pixels, is at that height. */
  const under = ({ offsetX, offsetY }: MouseEvent) => {
    // Bars begin at their time: the nearest one is half a bar further.
    const row = chart.posToIdx(offsetX - (chart.valToPos(ahead, 'x') - chart.valToPos(0, 'x')) / 2);
    const away = drawn.map((column) => offsetY - chart.valToPos(column[row] ?? NaN, 'y'));
    const nearest = Math.min(...away.map(Math.abs).filter((pixels) => pixels <= 16));
    return { row, at: away.findIndex((pixels) => (isStacked ? pixels >= 0 : Math.abs(pixels) === nearest)) };
  };
  chart.over.addEventListener('click', (event) => {
    const pattern = series[under(event).at]?.field.labels?.pattern;
    return pattern && pick(pattern);
  });
  chart.over.addEventListener('mousemove', (event) => {
    const { row, at: near } = under(event);
    chart.over.style.cursor = series[near]?.field.labels?.pattern ? 'pointer' : '';
    const all = series.map((one, at) => ({ ...one, at, value: columns[at][row] }));
    const there = all.filter(({ value }) => value !== null);
    if (panel.options?.tooltip?.sort === 'desc') {
      there.sort((a, b) => Number(b.value) - Number(a.value));
    }
    const line = ({ name, at, value, config }: (typeof there)[0]) =>
      h(at === near ? 'tr.near' : 'tr', h('td', swatch(colors[at]), name), h('td', show(value, config)));
    tooltip(event, formatTime(times[row], unit), there.map(line));
  });
  chart.over.addEventListener('mouseleave', () => tooltip());
  const observer = new ResizeObserver(() => chart.setSize(size()));
  observer.observe(plot);
  return () => {
    observer.disconnect();
    chart.destroy();
  };
}

function legend(panel: Panel, series: Shown[], colors: string[], pick: Pick, focus: (at: number | null) => void) {
  const { showLegend = true, calcs = [], sortBy } = panel.options?.legend ?? {};
  const rows = series.map((one, at) => ({ ...one, at, found: calcs.map((calc) => calculate(calc, one.field)) }));
  if (sortBy) {
    rows.sort((a, b) => (b.found[0]?.value ?? -Infinity) - (a.found[0]?.value ?? -Infinity));
  }
  const lines = rows.map(({ name, field, config, found, at }) => {
    const pattern = field.labels?.pattern;
    const only = pattern && { title: `Show only: ${pattern}`, onclick: () => pick(pattern) };
    const head = h('th', { scope: 'row' }, swatch(colors[at]), only ? h('button.link', only, name) : h('span', name));
    const listeners = { onmouseenter: () => focus(at), onmouseleave: () => focus(null) };
    return h('tr', listeners, head, ...found.map(({ value }) => h('td', show(value, config))));
  });
  const titles = ['Name', ...rows[0].found.map(({ title }) => title)].map((title) => h('th', { scope: 'col' }, title));
  const about = { tabindex: 0, role: 'region', 'aria-label': `Legend of ${panel.title}` };
  return showLegend && h('div.legend', about, h('table', h('thead', h('tr', ...titles)), h('tbody', ...lines)));
}
