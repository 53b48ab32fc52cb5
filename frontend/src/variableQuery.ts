import { PerfVariableQuery } from './types';

/**
 * A stored variable query, which may be plain SQL text, as a query that can run. `refId` is for those that
 * have none; each variable needs its own, so that their answers can be told apart.
 */
export function toVariableQuery(stored: PerfVariableQuery | string | undefined, refId: string): PerfVariableQuery {
  const query: Partial<PerfVariableQuery> = typeof stored === 'string' ? { rawSql: stored } : { ...stored };
  const rawSql = query.rawSql ?? query.query ?? '';
  return {
    ...query,
    refId: query.refId || refId,
    rawSql,
    query: rawSql,
    format: 'table',
    rawQuery: true,
    editorMode: 'code',
  };
}
