// Two reports side by side.
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { weekly } from './dashboard';
import {
  colored,
  COUNT,
  FEW_SAMPLES_OR_NEW,
  links,
  MILLISECONDS,
  named,
  NOT_SHOWN,
  percent as percentColors,
  type Properties,
  property,
  unit,
  width,
  WRAPS,
} from './fields';
import { csv, others, ROW_PATTERN, toPattern } from './links';
import { fields, stat, table } from './panels';
import { CHOSEN } from './query';
import { agent, before, datasource, minSamples, patterns, percent, slowMs, week } from './variables';

const of = (file: string) => ({ sql: `compare/${file}`, datasource: CHOSEN });
const milliseconds = (name: string) => [named(name), unit(MILLISECONDS), width(85)];
const NAME: Properties = [named('Pattern'), links(toPattern('Open this pattern', ROW_PATTERN)), ...WRAPS];
const SAMPLES: Properties = [named('Samples'), ...COUNT, width(80)];

const counts = () =>
  fields(
    stat(
      {
        id: 1,
        title: 'What changed',
        description:
          'Slower and faster: P95 changed by more than the given percentage, in patterns with enough samples. New and gone: in one of the two reports only. Slow: above the threshold, whatever it was before.',
        at: [0, 0, 24, 4],
        ...of('counts'),
      },
      { format: 'table', decimals: 0, percentChangeColorMode: 'standard' }
    ),
    {
      Slower: colored(['text', null], ['red', 1]),
      Faster: colored(['text', null], ['green', 1]),
    }
  );

function changes(id: number, title: string, how: string, sql: string, at: [number, number, number, number]) {
  return table(
    {
      id,
      title,
      description: `Patterns that got ${how}, the largest change in milliseconds first; the rows say of how many they are, and a hundred are shown. A change of fewer than 30 samples would be chance and has no percentage; what was 0 before has none either and is called new. Nothing here: nothing got ${how}.`,
      at,
      ...of(sql),
    },
    {
      row: [named('Row'), width(85)],
      name: NAME,
      before_ms: milliseconds('Before'),
      p95_ms: milliseconds('P95'),
      change_ms: milliseconds('Change'),
      change_percent: [
        named('Percent'),
        unit('percent'),
        property('decimals', 0),
        ...percentColors(['green', null]),
        property('custom.cellOptions', { type: 'color-text' }),
        width(95),
        FEW_SAMPLES_OR_NEW,
      ],
      samples: SAMPLES,
      pattern: NOT_SHOWN,
    }
  );
}

const newAndGone = () =>
  table(
    {
      id: 4,
      title: 'New and gone patterns',
      description:
        'New: in the later report only. Gone: in the earlier report only, with its numbers of then. Slowest first, at most 100 of each. Nothing here: both have the same patterns.',
      at: [0, 18, 24, 9],
      ...of('new_and_gone'),
    },
    {
      what: [named('State'), width(60)],
      name: NAME,
      p95_ms: milliseconds('P95'),
      samples: SAMPLES,
      pattern: NOT_SHOWN,
    }
  );

export function compare(): DashboardBuilder {
  const builder = weekly(
    'query-perf-compare',
    'Query performance: week over week',
    'Two weekly reports side by side: what got slower and faster, what is new and what is gone.'
  )
    .links([
      others(),
      csv(
        'regressions',
        ['pattern', 'week', 'before', 'agent', 'percent', 'min_samples'],
        'The regressions between the two reports, more than 100 of them too'
      ),
    ])
    .variables([
      datasource(),
      patterns(),
      week('The later report: the newest of the time range, or an earlier one.'),
      before(),
      agent(),
      slowMs(),
      percent(),
      minSamples(),
    ]);
  [
    counts(),
    changes(2, 'Regressions', 'slower', 'regressions', [0, 4, 24, 8]),
    changes(3, 'Fixes', 'faster', 'fixes', [0, 12, 24, 6]),
    newAndGone(),
  ].forEach((panel) => builder.withPanel(panel));
  return builder;
}
