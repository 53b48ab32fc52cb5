// The kinds of panels, with the settings that all of a kind share.
import { PanelBuilder as BarChart } from '@grafana/grafana-foundation-sdk/barchart';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import type { GridPos, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';

import { type Properties, property, type Rule, steps } from './fields';
import { type Format, SqlQuery } from './query';

/** What every panel has. */
export interface Frame {
  id: number;
  title: string;
  description: string;
  /** `x`, `y`, width of 24, height. */
  at: [x: number, y: number, w: number, h: number];
  /** The file of its SQL. */
  sql: string;
  datasource: DataSourceRef;
}

/** One of them with everything: the SDK's defaults and ours. */
export interface Built {
  build(): Panel;
}

/** An empty panel says so, and not every empty field of it. */
const NO_DATA = 'No data';
const NOT_EVERY_FIELD: Properties = [property('noValue', null)];
/** Eight days: a line breaks where a week has no report. */
const BREAK_AFTER_MS = 8 * 24 * 60 * 60 * 1000;

type Builder = TimeSeries | Stat | Table | BarChart;

/** The settings of a kind that are not the SDK's defaults. */
interface Settings {
  options: Record<string, unknown>;
  defaults?: Record<string, unknown>;
  custom?: Record<string, unknown>;
}

function framed<B extends Builder>(
  builder: B,
  frame: Frame,
  queries: Array<{ build(): Dataquery }>,
  settings: Settings
): B {
  const [x, y, w, h] = frame.at;
  const gridPos: GridPos = { x, y, w, h };
  builder.id(frame.id).title(frame.title).description(frame.description).gridPos(gridPos).datasource(frame.datasource);
  queries.forEach((query) => builder.withTarget(query));
  const panel = builder.build();
  panel.options = settings.options;
  panel.fieldConfig = {
    defaults: { ...settings.defaults, ...(settings.custom ? { custom: settings.custom } : {}) },
    overrides: [],
  };
  return builder;
}

const sql = (frame: Frame, format: Format) => [new SqlQuery(frame.sql, format, 'A', frame.datasource)];

/** How lines and bars over time are drawn, where nothing else is said. */
const DRAWN = {
  lineInterpolation: 'linear',
  gradientMode: 'none',
  pointSize: 5,
  spanNulls: false,
  axisSoftMin: 0,
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  scaleDistribution: { type: 'linear' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: { legend: false, tooltip: false, viz: false },
};
const LINES = { drawStyle: 'line', lineWidth: 2, fillOpacity: 0, showPoints: 'auto', insertNulls: BREAK_AFTER_MS };
const BARS = {
  drawStyle: 'bars',
  lineWidth: 0,
  fillOpacity: 80,
  showPoints: 'never',
  insertNulls: false,
  barWidthFactor: 0.8,
};
const stacked = (mode: 'none' | 'normal') => ({ stacking: { group: 'A', mode } });

export interface Legend {
  placement: 'right' | 'bottom';
  calcs: string[];
  displayMode?: 'table' | 'list';
  sortBy?: string;
  sortDesc?: boolean;
  width?: number;
}

export interface Chart {
  unit: string;
  decimals?: number;
  /** None: no legend. */
  legend?: Legend;
  /** How the tooltip is sorted. */
  sort: 'desc' | 'none';
  hideZeros?: boolean;
  defaults?: Record<string, unknown>;
  custom?: Record<string, unknown>;
}

/** Lines over the weeks. */
export function trend(frame: Frame, chart: Chart): TimeSeries {
  return overTime(frame, sql(frame, 'time_series'), { ...DRAWN, ...LINES, ...stacked('none') }, chart);
}

/** Bars over the weeks, from the Monday of each on. */
export function bars(frame: Frame, chart: Chart, stacking: 'none' | 'normal'): TimeSeries {
  return overTime(
    frame,
    sql(frame, 'time_series'),
    { ...DRAWN, ...BARS, ...stacked(stacking), barAlignment: 1 },
    chart
  );
}

/** Lines or bars over minutes, of other queries than ours. */
export function metric(
  frame: Omit<Frame, 'sql'>,
  queries: Array<{ build(): Dataquery }>,
  drawn: 'line' | 'bars',
  chart: Chart
): TimeSeries {
  const line = { drawStyle: 'line', lineWidth: 1, fillOpacity: 10, showPoints: 'never', insertNulls: false };
  const custom = drawn === 'bars' ? { ...BARS, ...stacked('normal') } : { ...line, ...stacked('none') };
  return overTime({ ...frame, sql: '' }, queries, { ...DRAWN, ...custom, barAlignment: 0 }, chart);
}

function overTime(
  frame: Frame,
  queries: Array<{ build(): Dataquery }>,
  custom: Record<string, unknown>,
  chart: Chart
): TimeSeries {
  const { legend } = chart;
  return framed(new TimeSeries(), frame, queries, {
    defaults: {
      unit: chart.unit,
      color: { mode: 'palette-classic' },
      noValue: NO_DATA,
      ...(chart.decimals === undefined ? {} : { decimals: chart.decimals }),
      ...chart.defaults,
    },
    custom: { ...custom, ...chart.custom },
    options: {
      legend: legend
        ? { showLegend: true, displayMode: 'table', ...legend }
        : { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      tooltip: { mode: 'multi', sort: chart.sort, hideZeros: chart.hideZeros ?? false },
    },
  });
}

/** What the series of a chart look like, by the labels that their names begin with: `line`, then `scale`. */
export function series(builder: TimeSeries, all: Properties, rules: Rule[], shown: string): TimeSeries {
  builder.overrideByFieldType('number', [...all, ...NOT_EVERY_FIELD]);
  rules.forEach(([regexp, properties]) => builder.overrideByRegexp(regexp, properties));
  // Rules are by the name that the frame gives, so the shown one comes last.
  return builder.overrideByFieldType('number', [property('displayName', `\${__field.labels.${shown}}`)]);
}

/** What the fields of a chart look like, by their names. */
export function fields<B extends TimeSeries | BarChart | Stat>(builder: B, all: Record<string, Properties>): B {
  Object.entries(all).forEach(([name, properties]) => builder.overrideByName(name, properties));
  return builder;
}

export const noValueOf = <B extends TimeSeries | BarChart>(builder: B): B => {
  builder.overrideByFieldType('number', NOT_EVERY_FIELD);
  return builder;
};

export interface Numbers {
  format: Format;
  decimals?: number;
  percentChangeColorMode: 'inverted' | 'standard';
  /** Pixels, where the numbers are many: Grafana's own size is that of the longest text, and tiny in a narrow window. */
  size?: { titleSize: number; valueSize: number };
}

/** Large numbers side by side. */
export function stat(frame: Frame, numbers: Numbers): Stat {
  return framed(new Stat(), frame, sql(frame, numbers.format), {
    defaults: {
      unit: 'none',
      ...(numbers.decimals === undefined ? {} : { decimals: numbers.decimals }),
      color: { mode: 'fixed', fixedColor: 'text' },
      noValue: '–',
    },
    options: {
      reduceOptions: {
        values: false,
        calcs: ['lastNotNull'],
        fields: numbers.format === 'table' ? '/.*/' : '',
      },
      orientation: 'vertical',
      textMode: 'value_and_name',
      wideLayout: false,
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'center',
      showPercentChange: false,
      percentChangeColorMode: numbers.percentChangeColorMode,
      ...(numbers.size ? { text: numbers.size } : {}),
    },
  });
}

/** One large number of another query than ours. */
export function metricStat(
  frame: Omit<Frame, 'sql'>,
  queries: Array<{ build(): Dataquery }>,
  defaults: Record<string, unknown>,
  textMode: 'auto' | 'name'
): Stat {
  return framed(new Stat(), { ...frame, sql: '' }, queries, {
    defaults: { color: { mode: 'fixed', fixedColor: 'text' }, noValue: '–', ...defaults },
    options: {
      reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
      orientation: 'auto',
      textMode,
      wideLayout: false,
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      showPercentChange: false,
      percentChangeColorMode: 'standard',
    },
  });
}

/** Rows; `columns` by name, or by a regular expression between slashes. */
export function table(frame: Frame, columns: Record<string, Properties>, showHeader = true): Table {
  const builder = framed(new Table(), frame, sql(frame, 'table'), {
    defaults: { noValue: NO_DATA },
    custom: {
      align: 'auto',
      cellOptions: { type: 'auto' },
      filterable: false,
      inspect: false,
      minWidth: 60,
    },
    options: {
      showHeader,
      cellHeight: 'sm',
      footer: { show: false, reducer: ['sum'], countRows: false, fields: '' },
      frameIndex: 0,
    },
  });
  builder
    .overrideByFieldType('string', [property('noValue', '')])
    .overrideByFieldType('number', [property('noValue', '')]);
  Object.entries(columns).forEach(([name, properties]) =>
    name.startsWith('/') ? builder.overrideByRegexp(name, properties) : builder.overrideByName(name, properties)
  );
  return builder;
}

/** Horizontal bars, one for each row. */
export function barChart(frame: Frame, unitText: string, xField: string, colorByField: string): BarChart {
  return framed(new BarChart(), frame, sql(frame, 'table'), {
    defaults: {
      unit: unitText,
      // Grafana keeps a tenth free for the values beside the bars only where an axis begins at a fixed number.
      min: 0,
      color: { mode: 'thresholds' },
      thresholds: steps(['green', null], ['red', 100]),
      noValue: NO_DATA,
    },
    custom: {
      axisPlacement: 'auto',
      axisColorMode: 'text',
      axisBorderShow: false,
      axisGridShow: true,
      scaleDistribution: { type: 'linear' },
      fillOpacity: 80,
      gradientMode: 'none',
      lineWidth: 0,
      thresholdsStyle: { mode: 'off' },
      hideFrom: { legend: false, tooltip: false, viz: false },
    },
    options: {
      orientation: 'horizontal',
      xField,
      showValue: 'always',
      stacking: 'none',
      barWidth: 0.8,
      groupWidth: 0.7,
      barRadius: 0,
      fullHighlight: false,
      xTickLabelRotation: 0,
      xTickLabelSpacing: 0,
      legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      tooltip: { mode: 'multi', sort: 'none', hideZeros: false, maxWidth: 900, maxHeight: 600 },
      text: { valueSize: 11 },
      colorByField,
    },
  });
}
