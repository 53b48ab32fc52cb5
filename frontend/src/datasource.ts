import { CoreApp, DataSourceInstanceSettings, ScopedVars } from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';

import { interpolate } from './interpolation';
import { ANNOTATION_QUERY, defaultQuery, formatOf, forRule, PerfOptions, PerfQuery } from './types';
import { PerfVariableSupport } from './variables';

/** The browser's half of the datasource: it interpolates; the backend does all the rest, the health check included. */
export class PerfDatasource extends DataSourceWithBackend<PerfQuery, PerfOptions> {
  // Grafana's own editor and the frame's columns are all that annotations need beside it.
  annotations = { getDefaultQuery: () => ANNOTATION_QUERY };

  constructor(
    settings: DataSourceInstanceSettings<PerfOptions>,
    private readonly templateSrv: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.variables = new PerfVariableSupport(this);
  }

  getDefaultQuery(app: CoreApp): Partial<PerfQuery> {
    return defaultQuery(app);
  }

  filterQuery(query: PerfQuery): boolean {
    return !query.hide && Boolean(query.rawSql?.trim());
  }

  applyTemplateVariables(query: PerfQuery, scopedVars: ScopedVars): PerfQuery {
    return {
      ...query,
      rawSql: interpolate(query.rawSql ?? '', scopedVars, this.templateSrv),
      format: formatOf(query),
    };
  }

  /** For Explore and for alert rules made from a panel, which know no template variables. */
  interpolateVariablesInQueries(queries: PerfQuery[], scopedVars: ScopedVars): PerfQuery[] {
    // Grafana says how long the interval is only when it makes a rule.
    const isForRule = '__interval' in scopedVars;
    return queries.map((query) => {
      const alone = { ...this.applyTemplateVariables(query, scopedVars), datasource: this.getRef() };
      return isForRule ? forRule(alone) : alone;
    });
  }

  getQueryDisplayText(query: PerfQuery): string {
    return query.rawSql ?? '';
  }

  /** Template variables as they are written in SQL, for completion. */
  variableNames(): string[] {
    return this.templateSrv.getVariables().map((variable) => `$${variable.name}`);
  }
}
