import {
  createDataFrame,
  CustomVariableSupport,
  DataFrame,
  DataQueryRequest,
  DataQueryResponse,
  Field,
  FieldType,
} from '@grafana/data';
import { map, Observable, of } from 'rxjs';

import { VariableEditor } from './components/VariableEditor';
import type { PerfDatasource } from './datasource';
import { PerfVariableQuery } from './types';
import { toVariableQuery } from './variableQuery';

/** Query variables: the same SQL as in panels, with the dashboard's time range. */
export class PerfVariableSupport extends CustomVariableSupport<PerfDatasource, PerfVariableQuery> {
  editor = VariableEditor;

  constructor(private readonly datasource: PerfDatasource) {
    super();
  }

  query(request: DataQueryRequest<PerfVariableQuery>): Observable<DataQueryResponse> {
    const query = toVariableQuery(request.targets[0], `variable-${variableName(request) ?? 'query'}`);
    if (!query.rawSql?.trim()) {
      return of({ data: [] });
    }
    return this.datasource
      .query({ ...request, targets: [query] })
      .pipe(map((response) => ({ ...response, data: response.data.map(toOptions) })));
  }
}

/** The variable that asks, which Grafana tells only through the scene object. */
function variableName(request: DataQueryRequest): string | undefined {
  const scene = request.scopedVars?.__sceneObject?.value?.valueOf() as { state?: { name?: string } } | undefined;
  return scene?.state?.name;
}

/**
 * The options of a variable: columns `__text` and `__value` (or `text` and `value`), else the first column. NULL is no
 * option, and each value appears once, where it appeared first.
 */
export function toOptions(frame: DataFrame): DataFrame {
  const named = (name: string) => frame.fields.find((field) => field.name.toLowerCase() === name);
  const valueColumn = named('__value') ?? named('value');
  const textColumn = named('__text') ?? named('text');
  const values = valueColumn ?? textColumn ?? frame.fields[0];
  const texts = textColumn ?? values;

  const options = new Map<string, string>();
  for (let row = 0; values && row < frame.length; row += 1) {
    const value = optionText(values, row);
    if (value !== undefined && !options.has(value)) {
      options.set(value, optionText(texts, row) ?? value);
    }
  }
  return createDataFrame({
    refId: frame.refId,
    meta: frame.meta,
    fields: [
      { name: 'text', type: FieldType.string, values: [...options.values()] },
      { name: 'value', type: FieldType.string, values: [...options.keys()] },
    ],
  });
}

function optionText(field: Field, row: number): string | undefined {
  const value: unknown = field.values[row];
  if (value === null || value === undefined) {
    return undefined;
  }
  return field.type === FieldType.time && typeof value === 'number' ? new Date(value).toISOString() : String(value);
}
