// The reports by agent: what their column says, or what a regular expression finds in the patterns.
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { weekly } from './dashboard';
import {
  COUNT,
  FEW_SAMPLES,
  isoWeek,
  lines,
  links,
  LOGARITHMIC,
  MILLISECONDS,
  named,
  NOT_SHOWN,
  percent,
  property,
  rest,
  type Rule,
  unit,
  width,
  WRAPS,
} from './fields';
import { csv, onlyAgent, others, ROW_PATTERN, toPattern } from './links';
import { bars, series, table, trend } from './panels';
import { CHOSEN } from './query';
import { agentByName, agentRegex, CURRENT_WEEK, datasource, slowMs, week } from './variables';

const of = (file: string) => ({ sql: `agents/${file}`, datasource: CHOSEN });
const LINKS = [links(onlyAgent('${__field.labels.agent:percentencode}'))];
const SAME_COLOUR =
  'of the eight agents that take the most time (P95 times samples), each in the colour that it has above, and of all others together.';
const STACKED: Rule[] = [...lines(8), rest('#6E7480', true), ['/^week /', isoWeek(false, true)]];
const LIST = { placement: 'bottom' as const, displayMode: 'list' as const, calcs: [] };

const p95 = () =>
  series(
    trend(
      {
        id: 1,
        title: 'P95 by agent',
        description:
          "The mean of the P95 of an agent's patterns, weighted by samples: good for seeing a change, not an exact percentile of all its runs together. Shown are the eight agents that take the most time (P95 times samples). Where the highest is more than twenty times the median, the axis is logarithmic, and says so. An agent has the same colour in each panel. The legend has the last value of each line, also where the agent has gone since.",
        at: [0, 0, 24, 10],
        ...of('trend'),
      },
      {
        unit: MILLISECONDS,
        legend: { placement: 'right', calcs: ['lastNotNull'], sortBy: 'Last *', sortDesc: true, width: 280 },
        sort: 'desc',
      }
    ),
    LINKS,
    [...lines(8), LOGARITHMIC, ['/^week /', isoWeek(true, true)]],
    'name'
  );

const slow = () =>
  series(
    bars(
      {
        id: 2,
        title: 'Slow patterns by agent',
        description: `Patterns with a P95 above the threshold, in each report: ${SAME_COLOUR}`,
        at: [0, 10, 12, 10],
        ...of('slow_count'),
      },
      { unit: 'none', decimals: 0, legend: LIST, sort: 'desc' },
      'normal'
    ),
    LINKS,
    STACKED,
    'agent'
  );

const volume = () =>
  series(
    bars(
      {
        id: 3,
        title: 'Query volume by agent',
        description: `Samples in each report: ${SAME_COLOUR}`,
        at: [12, 10, 12, 10],
        ...of('volume'),
      },
      { unit: 'locale', decimals: 0, legend: LIST, sort: 'desc' },
      'normal'
    ),
    LINKS,
    STACKED,
    'agent'
  );

const currentWeek = () =>
  table(
    {
      id: 4,
      title: 'Agents in the current week',
      description:
        'The newest report of the time range, or the week chosen above, against the report before it in the time range; most slow patterns first, at most 200 agents. A change of fewer than 30 samples would be chance and has no percentage. A click on the slowest pattern opens it.',
      at: [0, 20, 24, 11],
      ...of('current_week'),
    },
    {
      agent: [named('Agent'), width(130), links(onlyAgent('${__data.fields.agent:percentencode}')), ...WRAPS],
      patterns: [named('Patterns'), width(75)],
      slow_patterns: [named('Slow'), width(55)],
      samples: [named('Samples'), ...COUNT, width(80)],
      p95_ms: [named('Mean P95'), unit(MILLISECONDS), width(85)],
      change_percent: [
        named('Percent'),
        unit('percent'),
        property('decimals', 1),
        ...percent(['green', null]),
        property('custom.cellOptions', { type: 'color-text' }),
        width(95),
        FEW_SAMPLES,
      ],
      worst_ms: [named('Worst P95'), unit(MILLISECONDS), width(90)],
      name: [
        named('Slowest pattern'),
        // On a narrow screen the table scrolls; a column of one word's width would have rows as high as the panel.
        property('custom.minWidth', 200),
        links(
          toPattern(
            'Open this pattern',
            ROW_PATTERN,
            'var-agent=${__data.fields.own:percentencode}&${week:queryparam}&${slow_ms:queryparam}'
          )
        ),
        ...WRAPS,
      ],
      '/^(pattern|own)$/': NOT_SHOWN,
      report: [named('Report'), width(90)],
    }
  );

export function agents(): DashboardBuilder {
  const builder = weekly(
    'query-perf-agents',
    'Query performance by agent',
    'The weekly reports by agent: by their column `agent`, or by a regular expression over the patterns.'
  )
    .links([
      others(),
      csv(
        'agents',
        ['agent_regex', 'agent', 'week', 'slow_ms'],
        'The agents in the current week, as the table shows them'
      ),
    ])
    .variables([datasource(), agentRegex(), agentByName(), week(CURRENT_WEEK), slowMs()]);
  [p95(), slow(), volume(), currentWeek()].forEach((panel) => builder.withPanel(panel));
  return builder;
}
