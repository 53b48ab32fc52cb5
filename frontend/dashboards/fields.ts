// How fields look: names, units, colours, and what is drawn of them.
import type { DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';

import type { ValueLink } from './links';

export type Properties = DynamicConfigValue[];

export const property = (id: string, value?: unknown): DynamicConfigValue => ({ id, value });
export const named = (text: string) => property('displayName', text);
export const unit = (text: string) => property('unit', text);
export const width = (pixels: number) => property('custom.width', pixels);
export const links = (...all: ValueLink[]) => property('links', all);
export const fixed = (color: string) => property('color', { mode: 'fixed', fixedColor: color });
export const hidden = (legend: boolean, tooltip: boolean, viz: boolean) =>
  property('custom.hideFrom', { legend, tooltip, viz });

/** Colours from these values on; the first of them is for what is not there, too. */
export const steps = (...all: Array<[color: string, from: number | null]>) => ({
  mode: 'absolute',
  steps: all.map(([color, value]) => ({ color, value })),
});
export const colored = (...all: Array<[color: string, from: number | null]>): Properties => [
  property('color', { mode: 'thresholds' }),
  property('thresholds', steps(...all)),
];

/** Milliseconds, on axes as seconds from a thousand on, but never as minutes: those cannot be compared at a glance. */
export const MILLISECONDS = 'si:ms';

/** Whole numbers, written out. */
export const COUNT: Properties = [unit('locale'), property('decimals', 0)];

/** A column of names takes more lines where it is narrow, instead of losing its end. */
export const WRAPS: Properties = [
  property('custom.cellOptions', { type: 'auto', wrapText: true }),
  property('custom.wrapText', true),
];

/** For links only. `hidden` is what Grafana before 12.2 knows. */
export const NOT_SHOWN: Properties = [property('custom.hidden', true), property('custom.hideFrom.viz', true)];

/** Ten percent either way are chance; of few samples every change is, which the query writes as "not a number". */
export const percent = (...first: Array<[color: string, from: number | null]>): Properties =>
  colored(...first, ['text', -10], ['orange', 10], ['red', 25]);
const special = (match: string, text: string, index: number) => ({
  type: 'special',
  options: { match, result: { text, color: 'text', index } },
});
export const FEW_SAMPLES = property('mappings', [special('nan', 'few samples', 0)]);

/** Where what has no percentage was 0 before. */
export const FEW_SAMPLES_OR_NEW = property('mappings', [special('nan', 'few samples', 0), special('null', 'new', 1)]);

/** No two near-equal ones, and no red, which is the threshold's. */
const PALETTE = [
  'blue',
  'orange',
  'green',
  'purple',
  'semi-dark-yellow',
  '#12A5B8',
  '#F2A0C8',
  '#A0714A',
  '#98A2B3',
  'text',
];

/** What the name of a series that the frame gives begins with, and what follows from it. */
export type Rule = [regexp: string, properties: Properties];

/** The first lines, by their number. */
export const lines = (count: number): Rule[] =>
  PALETTE.slice(0, count).map((color, at) => [`/^${at + 1} /`, [fixed(color)]]);

export const PERCENTILES: Rule[] = [
  ['/^P50 /', [fixed('green')]],
  ['/^P95 /', [fixed('orange')]],
  ['/^P99 /', [fixed('purple')]],
];

/** A spike would press all other lines to the bottom. Linear below 1 ms, so that zero has a place. */
export const LOGARITHMIC: Rule = [
  '/^\\S+ log /',
  [
    property('custom.scaleDistribution', { type: 'symlog', log: 10, linearThreshold: 1 }),
    property('custom.axisSoftMin', null),
    property('custom.axisLabel', 'logarithmic'),
  ],
];

/** The dashed red line; `has` links that must not stand there. */
export const threshold = (hasLinks: boolean): Rule => [
  '/^slow /',
  [
    fixed('red'),
    property('custom.lineStyle', { fill: 'dash', dash: [10, 6] }),
    property('custom.lineWidth', 1),
    property('custom.showPoints', 'never'),
    ...(hasLinks ? [links()] : []),
  ],
];

/** What is not one of the first lines, paler. */
export const rest = (color: string, hasLinks: boolean): Rule => [
  '/^others /',
  [fixed(color), ...(hasLinks ? [links()] : []), property('custom.fillOpacity', 40)],
];

/** Drawn nowhere: it puts the ISO week into tooltip and legend, because Grafana's axes have dates. */
export const isoWeek = (inLegend: boolean, hasLinks: boolean): Properties => [
  named('ISO week'),
  unit('time:GGGG-[W]WW'),
  fixed('transparent'),
  property('custom.drawStyle', 'line'),
  property('custom.lineWidth', 0),
  property('custom.fillOpacity', 0),
  property('custom.showPoints', 'never'),
  property('custom.stacking', { group: 'A', mode: 'none' }),
  property('custom.axisPlacement', 'hidden'),
  hidden(!inLegend, false, true),
  ...(hasLinks ? [links()] : []),
  property('min', null),
  property('max', null),
  property('decimals', null),
];
