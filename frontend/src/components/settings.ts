/** The settings page as tables, with the backend's defaults as placeholders, and the hints given while typing. */

export interface TextSetting {
  key: 'reports' | 'basePath';
  label: string;
  description: string;
  placeholder: string;
  /** What is wrong with a value, if anything. */
  problem?: (value: string) => string | undefined;
}

export interface NumberSetting {
  key: 'slowMs' | 'timeoutSeconds' | 'maxRows' | 'maxResultMb' | 'memoryLimitMb' | 'threads';
  label: string;
  description: string;
  placeholder: string;
  unit?: string;
  /** The smallest value; whole numbers only, except for milliseconds. */
  least: number;
}

export const REPORT_SETTINGS: TextSetting[] = [
  {
    key: 'reports',
    label: 'Report files',
    description: 'Names of the weekly reports in the folder. The views, such as perf_all_weeks, read them.',
    placeholder: 'query_perf_weekly_*.parquet',
  },
  {
    key: 'basePath',
    label: 'Base path',
    description:
      "Where relative paths in SQL start, as in FROM 'reports/*.parquet'. Empty: the folder, or of a .duckdb file the nearest folder from which they name reports.",
    placeholder: 'Found by itself',
    problem: pathProblem,
  },
];

export const LIMIT_SETTINGS: NumberSetting[] = [
  {
    key: 'slowMs',
    label: 'Slow above',
    description: 'Patterns above this count as slow; $__slowMs in SQL.',
    placeholder: '100',
    unit: 'ms',
    least: 0,
  },
  {
    key: 'timeoutSeconds',
    label: 'Query timeout',
    description: 'After this a query is stopped.',
    placeholder: '30',
    unit: 's',
    least: 1,
  },
  {
    key: 'maxRows',
    label: 'Rows of a result',
    description: 'More are cut off, with a notice on the panel.',
    placeholder: 'Grafana’s row limit',
    unit: 'rows',
    least: 1,
  },
  {
    key: 'maxResultMb',
    label: 'Size of a result',
    description: 'More is cut off, with a notice on the panel.',
    placeholder: '256',
    unit: 'MB',
    least: 1,
  },
  {
    key: 'memoryLimitMb',
    label: 'Memory of DuckDB',
    description: 'Shared by all queries of this datasource.',
    placeholder: '1024',
    unit: 'MB',
    least: 1,
  },
  {
    key: 'threads',
    label: 'Threads of DuckDB',
    description: 'Shared by all queries of this datasource.',
    placeholder: 'All processor cores',
    least: 1,
  },
];

/** What is wrong with a number, if anything. Provisioning files may hold it as text. */
export function numberProblem(value: unknown, least: number): string | undefined {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  const number = Number(value);
  if (Number.isFinite(number) && number >= least && (least === 0 || Number.isInteger(number))) {
    return undefined;
  }
  return least === 0 ? 'Enter a number of at least 0' : `Enter a whole number of at least ${least}`;
}

/** What is wrong with a path that is not empty, if anything. */
export function pathProblem(path: string): string | undefined {
  const looksFull = /^(\s*$|\/|[A-Za-z]:[\\/]|\\\\|file:)/.test(path.trim());
  return looksFull ? undefined : 'Enter a full path, such as /var/lib/perf-reports';
}
