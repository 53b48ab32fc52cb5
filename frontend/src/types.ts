import { CoreApp, DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** The shape of the answer: rows as they are, or a wide frame with one field per series. */
export type QueryFormat = 'table' | 'time_series';

/** A panel's query as dashboards store it. `rawSql` is the only source of truth. */
export interface PerfQuery extends DataQuery {
  rawSql?: string;
  /** Dashboards of other SQL plugins hold numbers here; read it through `formatOf`. */
  format?: QueryFormat | number;
  rawQuery?: boolean;
  editorMode?: 'code';
  /** The SQL on its way from a panel to a new alert rule, and whether it is a table; see `forRule`. */
  expression?: string;
  instant?: boolean;
  range?: boolean;
}

/** A query variable's query. Dashboards hold plain SQL text too; read it through `toVariableQuery`. */
export interface PerfVariableQuery extends PerfQuery {
  /** A copy of `rawSql`: Grafana shows it as the variable's definition. */
  query?: string;
}

/** The datasource's settings. What is not set has the backend's default. */
export interface PerfOptions extends DataSourceJsonData {
  path?: string;
  paths?: string[];
  reports?: string;
  basePath?: string;
  slowMs?: number;
  timeoutSeconds?: number;
  maxRows?: number;
  maxResultMb?: number;
  memoryLimitMb?: number;
  threads?: number;
}

const TREND_SQL = `SELECT week, pattern, p95_ms
FROM perf_all_weeks
WHERE $__weekFilter(week)
  AND pattern IN (
    SELECT pattern FROM perf_all_weeks WHERE $__weekFilter(week)
    GROUP BY pattern ORDER BY max(p95_ms) DESC LIMIT 10
  )
ORDER BY week`;

/** An alert rule's query: one number per pattern. */
export const ALERT_SQL = `SELECT pattern, p95_ms
FROM perf_all_weeks
WHERE week = (SELECT max(week) FROM perf_all_weeks WHERE $__weekTime(week) IS NOT NULL)`;

/** What a new annotation starts with: where a pattern was slow for the first time. */
export const ANNOTATION_QUERY: Partial<PerfQuery> = {
  rawSql: `SELECT $__weekTime(min(week)) AS time, left(pattern, 60) AS text, 'slow for the first time' AS tags
FROM perf_slow_patterns
GROUP BY pattern
HAVING $__weekFilter(min(week))
ORDER BY max(p95_ms) DESC
LIMIT 10`,
  format: 'table',
  rawQuery: true,
  editorMode: 'code',
};

/** Whether a query is that of an alert rule. */
export function isAlerting(app?: CoreApp): boolean {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
}

/**
 * A panel's query for a new alert rule. Grafana 12.3 keeps only a few fields of it (its `alertingQuerySchema`): `rawSql` and
 * `format` are not among them, `expression`, `instant` and `range` are. A table is instant to Grafana, too: one number each,
 * nothing to reduce.
 */
export function forRule(query: PerfQuery): PerfQuery {
  const instant = formatOf(query) === 'table';
  return { ...query, expression: query.rawSql, instant, range: !instant };
}

/** The query of an alert rule, with the SQL that came from a panel in its place. */
export function fromPanel({ expression, range: _range, ...query }: PerfQuery): PerfQuery {
  return query.rawSql?.trim() || !expression?.trim()
    ? query
    : {
        ...query,
        rawSql: expression,
        format: query.instant ? 'table' : 'time_series',
        rawQuery: true,
        editorMode: 'code',
      };
}

/**
 * What a new query starts with: the slowest patterns over time. In alert rules it starts with nothing: a rule is made from a
 * panel with that panel's SQL, and any other text would be taken for it.
 */
export function defaultQuery(app?: CoreApp): Partial<PerfQuery> {
  const alerting = isAlerting(app);
  return {
    rawSql: alerting ? '' : TREND_SQL,
    format: alerting ? 'table' : 'time_series',
    rawQuery: true,
    editorMode: 'code',
  };
}

/** The format of a stored query. Numbers as other SQL plugins write them: 0 is time series, all others are tables. */
export function formatOf(query: Pick<PerfQuery, 'format'>): QueryFormat {
  return query.format === 'time_series' || query.format === 0 ? 'time_series' : 'table';
}
