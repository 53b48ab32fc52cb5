// The overview, and the same without variables and links, for people who see it without an account.
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { weekly } from './dashboard';
import {
  colored,
  COUNT,
  fixed,
  hidden,
  isoWeek,
  lines,
  links,
  LOGARITHMIC,
  MILLISECONDS,
  named,
  PERCENTILES,
  type Properties,
  property,
  rest,
  threshold,
} from './fields';
import { csv, onlyPattern, others, ROW_PATTERN, SERIES_PATTERN, TO_CHOSEN_PATTERN, toPattern } from './links';
import { barChart, bars, type Built, fields, noValueOf, series, stat, trend } from './panels';
import { CHOSEN, PROVISIONED } from './query';
import { agent, builtInMarks, CURRENT_WEEK, datasource, marks, patterns, slowMs, week } from './variables';

/** What differs between the two. */
interface Kind {
  datasource: DataSourceRef;
  /** Whether a click leads somewhere: a dashboard that is shared externally opens no other. */
  hasLinks: boolean;
}

const LOG = 'Where the slowest is more than twenty times the median, the axis is logarithmic, and says so.';
const LOG_P95 = LOG.replace('slowest', 'highest P95');

function panels({ datasource, hasLinks }: Kind): Built[] {
  const of = (file: string) => ({ sql: `overview/${file}`, datasource });
  const linked = (...all: Parameters<typeof links>): Properties => (hasLinks ? [links(...all)] : []);
  const seriesLinks = linked(toPattern('Open this pattern', SERIES_PATTERN), onlyPattern(SERIES_PATTERN));

  const slowest = series(
    trend(
      {
        id: 1,
        title: 'P95 latency trend',
        description: hasLinks
          ? `P95 of the ten slowest patterns of the current week: the newest report in the time range, or the week chosen above. Patterns that were chosen above and are not in that report come after those that are. The dashed red line is the threshold. A line breaks where a week has no report. ${LOG} Marks: the weeks with the largest growths of the range, at most eight. Long names are cut at their end; two that then look the same get a hash. Click a point to open the pattern's own dashboard, which has the whole text. The row ISO week of the legend names the week of the newest point.`
          : `P95 of the ten slowest patterns of the newest report in the time range. The dashed red line is the threshold. A line breaks where a week has no report. ${LOG} Long names are cut at their end; two that then look the same get a hash. The row ISO week of the legend names the week of the newest point.`,
        at: [0, 0, 24, 12],
        ...of('trend'),
      },
      {
        unit: MILLISECONDS,
        legend: { placement: 'right', calcs: ['lastNotNull'], sortBy: 'Last *', sortDesc: true, width: 450 },
        sort: 'desc',
      }
    ),
    seriesLinks,
    [...lines(10), LOGARITHMIC, threshold(hasLinks), ['/^week /', isoWeek(true, hasLinks)]],
    'name'
  );

  const count = stat(
    {
      id: 2,
      title: 'Slow query count',
      description: hasLinks
        ? "How many patterns have a P95 above the threshold (the datasource's, 100 ms unless set otherwise, or the one given above): the current week against the report before it. Red when there are more of them, green when there are fewer. A click opens the slowest pattern of that week."
        : 'How many patterns have a P95 above the threshold: the newest report against the one before it. Red when there are more of them, green when there are fewer.',
      at: [0, 12, 24, 4],
      ...of('slow_count'),
    },
    { format: 'time_series', decimals: 0, percentChangeColorMode: 'inverted' }
  )
    .overrideByFieldType('number', [
      named('${__field.labels.report}'),
      ...linked(toPattern('Open the slowest pattern', SERIES_PATTERN)),
    ])
    .overrideByRegexp('/▲/', [fixed('red')])
    .overrideByRegexp('/▼/', [fixed('green')]);

  const inTooltip = hidden(true, false, true);
  const nowhere = hidden(true, true, true);
  const top = fields(
    noValueOf(
      barChart(
        {
          id: 3,
          title: 'Top 10 slow patterns of the current week',
          description: `The ten patterns with the highest P95 in the ${
            hasLinks
              ? 'current week: the newest report of the time range, or the week chosen above'
              : 'newest report of the time range'
          }. Red above the threshold, green below. The tooltip has the whole text, P50, P99 and the number of samples.`,
          at: [0, 16, 24, 10],
          ...of('top_patterns'),
        },
        MILLISECONDS,
        'name',
        'is_slow'
      )
    ),
    {
      p95_ms: [
        named('P95'),
        ...linked(toPattern('Open this pattern', ROW_PATTERN), onlyPattern(ROW_PATTERN)),
        property('custom.axisPlacement', 'hidden'),
      ],
      p50_ms: [named('P50'), inTooltip],
      p99_ms: [named('P99'), inTooltip],
      samples: [named('Samples'), ...COUNT, inTooltip],
      report: [named('Report')],
      name: [named('Name'), property('noValue', '')],
      lines: [named('Pattern')],
      pattern: [nowhere],
      is_slow: [...colored(['green', null], ['red', 1]).slice(1), nowhere],
    }
  );

  const volume = series(
    bars(
      {
        id: 4,
        title: 'Query volume per week',
        description:
          'Samples per weekly report: the five patterns that ran most often in the time range, and, paler, all others together. A report that has none of them shows as 0.',
        at: [0, 26, 12, 15],
        ...of('volume'),
      },
      { unit: 'locale', decimals: 0, legend: { placement: 'bottom', calcs: ['sum'] }, sort: 'desc', hideZeros: true },
      'normal'
    ),
    seriesLinks,
    [...lines(5), rest('#8e8e8e', hasLinks), ['/^week /', isoWeek(false, hasLinks)]],
    'name'
  );

  const percentiles = series(
    trend(
      {
        id: 5,
        title: hasLinks ? 'P50, P95 and P99 of: ${pattern:text}' : 'P50, P95 and P99 of all patterns',
        description: hasLinks
          ? `Percentiles of the pattern chosen above. With several patterns, or All, it is the mean of their percentiles weighted by samples: good for seeing a change, not an exact percentile of all runs together. ${LOG_P95}`
          : `The mean of the percentiles of all patterns, weighted by samples: good for seeing a change, not an exact percentile of all runs together. ${LOG_P95}`,
        at: [12, 26, 12, 15],
        ...of('percentiles'),
      },
      {
        unit: MILLISECONDS,
        legend: { placement: 'bottom', calcs: ['lastNotNull', 'max'] },
        sort: 'none',
        defaults: hasLinks ? { links: [TO_CHOSEN_PATTERN] } : {},
      }
    ),
    [],
    [LOGARITHMIC, ...PERCENTILES, ['/^week /', isoWeek(true, hasLinks)]],
    'name'
  );
  return [slowest, count, top, volume, percentiles];
}

export function overview(): DashboardBuilder {
  const builder = weekly(
    'query-perf-overview',
    'Query performance overview',
    'Weekly reports of query latencies, read from Parquet files through DuckDB SQL. To share it with people without an account, take the dashboard Query performance, to share.'
  )
    .links([
      others(),
      csv(
        'weeks',
        ['pattern', 'agent'],
        'The rows of all reports in the time range, of the chosen patterns and agents'
      ),
    ])
    .variables([datasource(), patterns(), week(CURRENT_WEEK), agent(), slowMs()])
    .annotations([builtInMarks(), marks('overview/marks', 1)]);
  panels({ datasource: CHOSEN, hasLinks: true }).forEach((panel) => builder.withPanel(panel));
  return builder;
}

export function shared(): DashboardBuilder {
  const builder = weekly(
    'query-perf-public',
    'Query performance, to share',
    'The overview without variables and links. Grafana fills in no variables for people who see a dashboard that is shared externally; this one works for them. It is of the datasource with the uid `duckdb-perf`.'
  )
    .links([])
    .variables([])
    .annotations([builtInMarks()]);
  panels({ datasource: PROVISIONED, hasLinks: false }).forEach((panel) => builder.withPanel(panel));
  return builder;
}
