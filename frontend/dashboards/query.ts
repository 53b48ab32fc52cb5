// The queries of dashboards: the SQL of one panel or variable is one file below `sql/`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

export const DATASOURCE_TYPE = 'duckdb-perf-datasource';

/** What is read: the datasource that is chosen on the dashboard. */
export const CHOSEN: DataSourceRef = { type: DATASOURCE_TYPE, uid: '${datasource}' };

/** The one of `provisioning/datasources`, for a dashboard without variables. */
export const PROVISIONED: DataSourceRef = { type: DATASOURCE_TYPE, uid: 'duckdb-perf' };

/** What a query gives: rows as they are, or lines over the weeks. */
export type Format = 'table' | 'time_series';

/** The text of `sql/NAME.sql`. */
export function sqlOf(name: string): string {
  return readFileSync(join(__dirname, 'sql', `${name}.sql`), 'utf8').trimEnd();
}

/** The same query with every variable at its default, for a dashboard that has none. */
export function withoutVariables(sql: string): string {
  const fixed = sql
    .replace(/\s+AND \$__conditionalAll\(\w+ IN \(\$\w+\), \$\w+\)/g, '')
    .replace(/ OR NOT \$__conditionalAll\(false, \$\w+\)/g, '')
    .replace(/(, )?'\$week'/g, '')
    .replace(/\$__number\('\$\w+', '[^']*', (\$__\w+)\)/g, 'CAST($1 AS DOUBLE)');
  const left = /\$(?!__)\w+/.exec(fixed);
  if (left) {
    throw new Error(`the variable ${left[0]} is left in the query of a dashboard without variables:\n${fixed}`);
  }
  return fixed;
}

/** A query of this plugin, which the SDK does not know. */
export class SqlQuery implements Builder<Dataquery> {
  constructor(
    private readonly file: string,
    private readonly format: Format,
    private readonly refId = 'A',
    private readonly datasource: DataSourceRef | undefined = undefined
  ) {}

  build(): Dataquery {
    return query({
      refId: this.refId,
      ...(this.datasource ? { datasource: this.datasource } : {}),
      editorMode: 'code',
      rawQuery: true,
      format: this.format,
      rawSql: this.datasource === PROVISIONED ? withoutVariables(sqlOf(this.file)) : sqlOf(this.file),
    });
  }
}

/** Members of a query as the SDK wants them; its mark is a function, which no JSON has. */
export function query(members: Record<string, unknown>): Dataquery {
  return { ...members, _implementsDataqueryVariant() {} };
}
