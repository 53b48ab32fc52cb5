// One pattern over the weeks.
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { weekly } from './dashboard';
import {
  colored,
  COUNT,
  FEW_SAMPLES,
  fixed,
  hidden,
  isoWeek,
  links,
  LOGARITHMIC,
  MILLISECONDS,
  named,
  NOT_SHOWN,
  percent,
  PERCENTILES,
  property,
  threshold,
  unit,
  width,
  WRAPS,
} from './fields';
import { csv, others, ROW_PATTERN, toPattern } from './links';
import { bars, fields, noValueOf, series, stat, table, trend } from './panels';
import { CHOSEN } from './query';
import { agent, builtInMarks, CURRENT_WEEK, datasource, marks, pattern as variable, slowMs, week } from './variables';

const of = (file: string) => ({ sql: `pattern/${file}`, datasource: CHOSEN });
const milliseconds = (name: string) => [named(name), unit(MILLISECONDS)];

const currentWeek = () =>
  fields(
    stat(
      {
        id: 1,
        title: 'The current week',
        description:
          'The newest report of the time range, or the week chosen above. The change is that of P95 against the report before it; where one of the two has fewer than 30 samples of the pattern, it would be chance and is not given. The place counts the rows of the report from the slowest: 1 is the highest P95; what has no P95 has none. The last number is P95 in thresholds.',
        at: [0, 0, 24, 4],
        ...of('current_week'),
      },
      { format: 'table', percentChangeColorMode: 'inverted', size: { titleSize: 12, valueSize: 14 } }
    ).overrideByRegexp('/^P\\d+$/', [unit(MILLISECONDS)]),
    {
      Change: [
        unit('percent'),
        property('decimals', 1),
        // From −100% on, less than which nothing can become.
        ...percent(['text', null], ['green', -100]),
        property('noValue', 'not comparable'),
        FEW_SAMPLES,
      ],
      Samples: COUNT,
      Place: [property('decimals', 0)],
      '× threshold': [unit('none'), property('decimals', 2), ...colored(['text', null], ['green', 0], ['red', 1])],
    }
  );

const text = () =>
  table(
    {
      id: 2,
      title: 'Pattern',
      description: 'The whole text of the pattern; with All above, which one was taken.',
      at: [0, 4, 24, 4],
      ...of('text'),
    },
    { Pattern: WRAPS, line: NOT_SHOWN },
    false
  );

const percentiles = () =>
  series(
    trend(
      {
        id: 3,
        title: 'Percentiles over the weeks',
        description:
          'P50, P95 and P99 of each report; the dashed red line is the threshold. Where reports tell agents apart, those of the slowest agent. Where the highest P95 is more than twenty times the median, the axis is logarithmic, and says so. Marks: weeks in which this pattern got slower by more than 25%, at most eight.',
        at: [0, 8, 24, 12],
        ...of('percentiles'),
      },
      { unit: MILLISECONDS, legend: { placement: 'bottom', calcs: ['lastNotNull', 'max'] }, sort: 'none' }
    ),
    [],
    [LOGARITHMIC, ...PERCENTILES, threshold(true), ['/^week /', isoWeek(true, true)]],
    'name'
  );

/** What is drawn is the inverse of the place, because Grafana's axes only go up: 1 is on top, and the axis names 1/2 as 2. */
const PLACES = Object.fromEntries([
  ...Array.from({ length: 14 }, (_, at) => [decimal(at + 1), { text: String(2 ** (at + 1)), index: at + 1 }]),
  ['1', { text: '1', index: 0 }],
  ['2', { text: ' ', index: 15 }],
]);

/** 2 to the −n without an exponent. */
function decimal(n: number): string {
  return (2 ** -n).toFixed(n).replace(/0+$/, '');
}

const places = () =>
  fields(
    noValueOf(
      trend(
        {
          id: 4,
          title: 'Place over the weeks',
          description:
            'Where the pattern stands in each report: place 1, on top, is the highest P95. Each step of the axis is twice as far down.',
          at: [0, 20, 12, 8],
          ...of('places'),
        },
        { unit: 'none', sort: 'desc', custom: { axisSoftMin: undefined } }
      )
    ),
    {
      height: [
        property('custom.scaleDistribution', { type: 'log', log: 2 }),
        property('max', 1),
        fixed('blue'),
        hidden(true, true, false),
        property('mappings', [{ type: 'value', options: PLACES }]),
        property('custom.axisSoftMin', 0.5),
      ],
      Place: [
        property('decimals', 0),
        fixed('blue'),
        property('custom.axisPlacement', 'hidden'),
        hidden(true, false, true),
      ],
      'ISO week': isoWeek(true, true),
    }
  );

const samples = () =>
  fields(
    noValueOf(
      bars(
        {
          id: 5,
          title: 'Samples per week',
          description:
            'How often the pattern ran: a bar for each report of the time range, 0 where the pattern is not in it.',
          at: [12, 20, 12, 8],
          ...of('samples'),
        },
        { unit: 'locale', decimals: 0, sort: 'desc' },
        'none'
      )
    ),
    { Samples: [fixed('blue')], 'ISO week': isoWeek(true, true) }
  );

const weekOverWeek = () =>
  table(
    {
      id: 6,
      title: 'Week over week',
      description:
        'Each report of the time range against the one before it that has the pattern, newest first. Orange and red: slower; green: faster; from 10% on. Where one of the two has fewer than 30 samples, a change would be chance and has no percentage.',
      at: [0, 28, 24, 9],
      ...of('week_over_week'),
    },
    {
      report: [named('Report'), width(90)],
      p95_ms: milliseconds('P95'),
      change_ms: milliseconds('Change'),
      change_percent: [
        named('Percent'),
        unit('percent'),
        property('decimals', 1),
        ...percent(['green', null]),
        property('custom.cellOptions', { type: 'color-text' }),
        FEW_SAMPLES,
      ],
      p50_ms: milliseconds('P50'),
      p99_ms: milliseconds('P99'),
      samples: [named('Samples'), ...COUNT],
    }
  );

const neighbours = () =>
  table(
    {
      id: 7,
      title: 'Neighbours',
      description:
        'The five rows before and the five rows after this pattern in the report of the current week; where reports tell agents apart, the agent stands before the pattern. A click opens the other pattern.',
      at: [0, 37, 24, 11],
      ...of('neighbours'),
    },
    {
      place: [named('Place'), width(60)],
      name: [named('Pattern'), links(toPattern('Open this pattern', ROW_PATTERN)), ...WRAPS],
      p95_ms: [...milliseconds('P95'), width(85)],
      samples: [named('Samples'), ...COUNT, width(80)],
      pattern: NOT_SHOWN,
    }
  );

export function pattern(): DashboardBuilder {
  const builder = weekly(
    'query-perf-pattern',
    'Query performance: one pattern',
    'One pattern of the weekly reports: its percentiles, place and samples over the weeks, week by week, and the patterns around it.'
  )
    .links([
      others(),
      csv('pattern', ['pattern', 'agent'], 'Every week of this pattern in the time range, of the chosen agents'),
    ])
    .variables([datasource(), variable(), week(CURRENT_WEEK), agent(), slowMs()])
    .annotations([builtInMarks(), marks('pattern/marks', 3)]);
  [currentWeek(), text(), percentiles(), places(), samples(), weekOverWeek(), neighbours()].forEach((panel) =>
    builder.withPanel(panel)
  );
  return builder;
}
