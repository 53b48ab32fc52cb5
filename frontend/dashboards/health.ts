// What the plugin itself does, from its metrics in Prometheus.
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  type DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableHide,
  type VariableOption,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Text, TextMode } from '@grafana/grafana-foundation-sdk/text';

import { dashboard } from './dashboard';
import { fixed, type Properties, property, steps, unit } from './fields';
import { others } from './links';
import { type Built, fields, metric, metricStat, noValueOf } from './panels';
import { query } from './query';

const PROMETHEUS = { type: 'prometheus', uid: '${prometheus}' };
const OF = 'datasource=~"$uid"';
const RATE = '[$__rate_interval]';

const rate = (name: string, more = '') => `rate(duckdb_perf_${name}{${OF}${more}}${RATE})`;
const increase = (name: string, more = '', over = RATE) => `increase(duckdb_perf_${name}{${OF}${more}}${over})`;
const now = (name: string) => `duckdb_perf_${name}{${OF}}`;

/** One line, or one line for each label. */
type Line = [expression: string, legend: string];

function queries(all: Line[], isOverTime: boolean): Array<Builder<Dataquery>> {
  return all.map(([expr, legendFormat], at) => ({
    build: () =>
      query({
        refId: String.fromCharCode('A'.charCodeAt(0) + at),
        datasource: PROMETHEUS,
        editorMode: 'code',
        expr,
        legendFormat,
        range: isOverTime,
        instant: !isOverTime,
        format: 'time_series',
      }),
  }));
}

function number(
  id: number,
  title: string,
  description: string,
  [x, y]: [number, number],
  line: Line,
  defaults: Record<string, unknown>
): Built {
  const frame = {
    id,
    title,
    description,
    at: [x, y, 8, 4] as [number, number, number, number],
    datasource: PROMETHEUS,
  };
  return metricStat(frame, queries([line], false), defaults, line[1].includes('version') ? 'name' : 'auto');
}

interface Drawn {
  drawn: 'line' | 'bars';
  unit: string;
  decimals?: number;
  softMax?: number;
  calcs?: string[];
}

const COUNTED: Drawn = { drawn: 'bars', unit: 'none', decimals: 1, softMax: 1 };

function chart(
  id: number,
  title: string,
  description: string,
  [x, y]: [number, number],
  lines: Line[],
  drawn: Drawn,
  looks: Record<string, Properties> = {}
): Built {
  const builder = metric(
    { id, title, description, at: [x, y, 12, 9], datasource: PROMETHEUS },
    queries(lines, true),
    drawn.drawn,
    {
      unit: drawn.unit,
      decimals: drawn.decimals,
      legend: { placement: 'bottom', calcs: drawn.calcs ?? ['lastNotNull', 'max'] },
      sort: 'desc',
      custom: drawn.softMax === undefined ? {} : { axisSoftMax: drawn.softMax },
    }
  );
  return fields(noValueOf(builder), looks);
}

const colors = (all: Record<string, string>) =>
  Object.fromEntries(Object.entries(all).map(([name, color]): [string, Properties] => [name, [fixed(color)]]));

const EXPLANATION = `The plugin's own metrics. Grafana serves them under \`/metrics/plugins/duckdb-perf-datasource\`, apart from its own \`/metrics\`, so Prometheus needs a job for them (with the same user and password where \`[metrics] basic_auth_username\` is set):

\`\`\`yaml
scrape_configs:
  - job_name: duckdb-perf
    metrics_path: /metrics/plugins/duckdb-perf-datasource
    static_configs:
      - targets: ['grafana:3000'] # where Prometheus reaches Grafana
\`\`\`

Red triangles in every panel mean that Grafana has no Prometheus datasource yet.`;

function explanation(): Built {
  const panel = new Text()
    .id(1)
    .title('Where the numbers come from')
    .gridPos({ x: 0, y: 0, w: 24, h: 9 })
    .mode(TextMode.Markdown)
    .content(EXPLANATION);
  return panel;
}

const QUANTILE = (share: number) =>
  `histogram_quantile(${share}, sum by (le) (${rate('query_duration_seconds_bucket')}))`;
const SHARE = (part: string, all: string) => `100 * sum(${part}) / (sum(${all}) > 0)`;
const FAILED = SHARE(
  increase('queries_total', ', outcome="error"', '[1h]'),
  increase('queries_total', ', outcome=~"ok|error"', '[1h]')
);
const KEPT = SHARE(
  increase('cache_requests_total', ', result=~"hit|shared"', '[1h]'),
  increase('cache_requests_total', '', '[1h]')
);
const byDatasource = (name: string): Line => [`max by (datasource) (${now(name)})`, '{{datasource}}'];
const withSteps = (...all: Parameters<typeof steps>) => ({ color: { mode: 'thresholds' }, thresholds: steps(...all) });

const panels = (): Built[] => [
  explanation(),
  number(
    2,
    'Plugin',
    'Version of the plugin and of its engine.',
    [0, 9],
    ['max by (version, engine) (duckdb_perf_build_info)', '{{version}} · {{engine}}'],
    { unit: 'none' }
  ),
  number(
    3,
    'Newest report',
    'The newest week among the reports of each datasource.',
    [8, 9],
    byDatasource('newest_report_week'),
    { unit: 'none', decimals: 0 }
  ),
  number(
    4,
    'Report age',
    'Red after more than 8 days: then the weekly job is late (runbook stale_reports).',
    [16, 9],
    byDatasource('newest_report_age_seconds'),
    { unit: 's', decimals: 1, ...withSteps(['text', null], ['green', 0], ['red', 8 * 24 * 60 * 60]) }
  ),
  number(5, 'Reports', 'Report files of each datasource.', [0, 13], byDatasource('reports'), {
    unit: 'locale',
    decimals: 0,
  }),
  number(
    6,
    'Failed',
    "Share of queries that ended in an error in the last hour, cancelled ones left out. A person's wrong SQL counts too: see the sources below.",
    [8, 13],
    [FAILED, 'failed'],
    { unit: 'percent', decimals: 1, ...withSteps(['text', null], ['green', 0], ['orange', 5], ['red', 20]) }
  ),
  number(
    7,
    'From the cache',
    'Share of answers in the last hour that took no query of the engine: kept ones, and those shared with an equal query that was running.',
    [16, 13],
    [KEPT, 'cache'],
    { unit: 'percent', decimals: 0 }
  ),
  chart(
    8,
    'Queries per minute',
    'By how they ended.',
    [0, 17],
    [[`60 * sum by (outcome) (${rate('queries_total')})`, '{{outcome}}']],
    COUNTED,
    colors({ ok: 'green', error: 'red', cancelled: '#8e8e8e' })
  ),
  chart(
    9,
    'How long queries take',
    'Percentiles over all queries, waiting and reading from the cache included.',
    [12, 17],
    [
      [QUANTILE(0.5), 'P50'],
      [QUANTILE(0.95), 'P95'],
      [QUANTILE(0.99), 'P99'],
    ],
    { drawn: 'line', unit: 's' },
    colors({ P50: 'green', P95: 'orange', P99: 'purple' })
  ),
  chart(
    10,
    'Errors per minute',
    'By whose fault they are: `downstream` is the SQL, the files or the settings; `plugin` is the plugin, its worker or its temp folder: the log of Grafana has the reason.',
    [0, 26],
    [[`60 * sum by (error_source) (${rate('queries_total', ', outcome="error"')})`, '{{error_source}}']],
    COUNTED,
    colors({ plugin: 'red', downstream: 'orange' })
  ),
  chart(
    11,
    'Running and waiting',
    'Queries that run, and queries that wait for a free place.',
    [12, 26],
    [
      [`sum(${now('queries_running')})`, 'running'],
      [`sum(${now('queue_waiting')})`, 'waiting'],
      [`60 * sum(${rate('queue_refused_total')})`, 'refused per minute'],
    ],
    { drawn: 'line', unit: 'none', decimals: 0, softMax: 1 },
    colors({ running: 'green', waiting: 'orange', 'refused per minute': 'red' })
  ),
  chart(
    12,
    'Waiting time',
    '95% of the queries waited no longer than this before they ran.',
    [0, 35],
    [[`histogram_quantile(0.95, sum by (le, datasource) (${rate('queue_wait_seconds_bucket')}))`, '{{datasource}}']],
    { drawn: 'line', unit: 's' }
  ),
  chart(
    13,
    'Answers from the cache, per minute',
    'hit: kept; shared: an equal query was running; miss: the engine was asked; bypass: not to be kept.',
    [12, 35],
    [[`60 * sum by (result) (${rate('cache_requests_total')})`, '{{result}}']],
    COUNTED,
    colors({ hit: 'green', shared: 'blue', miss: 'orange', bypass: '#8e8e8e' })
  ),
  chart(
    14,
    'Memory',
    'Of the workers, and of the answers that are kept (those of all datasources together).',
    [0, 44],
    [
      [`sum(${now('worker_memory_bytes')})`, 'workers'],
      ['sum(duckdb_perf_cache_bytes)', 'cache'],
    ],
    { drawn: 'line', unit: 'bytes' }
  ),
  chart(
    15,
    'Workers',
    'Running ones, and how many were started.',
    [12, 44],
    [
      [`sum(${now('workers')})`, 'running'],
      [`sum(${increase('worker_starts_total')})`, 'started'],
      ['sum(duckdb_perf_instances)', 'datasource instances'],
    ],
    { drawn: 'line', unit: 'none', decimals: 0 }
  ),
  chart(
    16,
    'Workers that ended before their time',
    'By reason: memory and disk (a query took too much), deadline and cancelled (it did not stop), crash, protocol, internal, opening. It takes milliseconds and harms no other datasource; the log of Grafana has the reason. Ends that are meant (idle, replaced, closed, superseded, memory_retained) are left out.',
    [0, 53],
    [
      [
        `sum by (reason) (${increase('worker_kills_total', ', reason!~"closed|idle|memory_retained|replaced|superseded"')})`,
        '{{reason}}',
      ],
    ],
    { ...COUNTED, decimals: 0, calcs: ['sum'] }
  ),
  chart(
    17,
    'Results',
    'Rows and bytes that were sent to Grafana, per second.',
    [12, 53],
    [
      [`sum(${rate('result_rows_total')})`, 'rows'],
      [`sum(${rate('result_bytes_total')})`, 'bytes'],
    ],
    { drawn: 'line', unit: 'short' },
    { bytes: [unit('Bps'), property('custom.axisPlacement', 'right')] }
  ),
];

export function health(): DashboardBuilder {
  const prometheus = new DatasourceVariableBuilder('prometheus')
    .label('Prometheus')
    .type('prometheus')
    .regex('')
    .hide(VariableHide.DontHide)
    .multi(false)
    .includeAll(false)
    .current({} as VariableOption);
  const values = 'label_values(duckdb_perf_queries_total,datasource)';
  const uid = new QueryVariableBuilder('uid')
    .label('Datasource uid')
    .description('Datasources of the plugin, by their uid.')
    .datasource(PROMETHEUS)
    .definition(values)
    .query({ qryType: 1, query: values, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .regex('')
    .hide(VariableHide.DontHide)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .options([])
    .current({ text: ['All'], value: ['$__all'] });
  const builder = dashboard(
    'duckdb-perf-health',
    'DuckDB Perf: plugin health',
    'What the datasource plugin itself does: queries, errors, times, cache, workers, and how old the reports are.'
  )
    .timezone('browser')
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .links([others(false)])
    .variables([prometheus, uid])
    .annotations([]);
  panels().forEach((panel) => builder.withPanel(panel));
  return builder;
}
