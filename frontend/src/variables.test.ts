import { createDataFrame, DataFrame, DataQueryRequest, FieldType, getDefaultTimeRange } from '@grafana/data';
import { lastValueFrom, of } from 'rxjs';

import { testDatasource } from './testing/datasource';
import { PerfVariableQuery } from './types';
import { toVariableQuery } from './variableQuery';
import { PerfVariableSupport, toOptions } from './variables';

const options = (frame: DataFrame) =>
  toOptions(frame).fields.map((field) => [field.name, field.type, [...field.values]]);

describe('toOptions', () => {
  it.each([
    ['__text', '__value'],
    ['__TEXT', '__Value'],
    ['Text', 'value'],
  ])('reads the columns %s and %s, wherever they stand', (text, value) => {
    const frame = createDataFrame({
      fields: [
        { name: 'other', values: ['x', 'y'] },
        { name: value, values: [1, 2] },
        { name: text, values: ['one', 'two'] },
      ],
    });
    expect(options(frame)).toEqual([
      ['text', FieldType.string, ['one', 'two']],
      ['value', FieldType.string, ['1', '2']],
    ]);
  });

  it('takes the first column otherwise, each value once and NULL never', () => {
    const frame = createDataFrame({
      fields: [
        { name: 'pattern', values: ['b', null, 'a', 'b'] },
        { name: 'p95_ms', values: [1, 2, 3, 4] },
      ],
    });
    expect(options(frame)).toEqual([
      ['text', FieldType.string, ['b', 'a']],
      ['value', FieldType.string, ['b', 'a']],
    ]);
  });

  it('writes times as DuckDB reads them and a missing text as the value', () => {
    const frame = createDataFrame({
      fields: [
        { name: '__value', type: FieldType.time, values: [0] },
        { name: '__text', values: [null] },
      ],
    });
    expect(options(frame)[0][2]).toEqual(['1970-01-01T00:00:00.000Z']);
    expect(options(frame)[1][2]).toEqual(['1970-01-01T00:00:00.000Z']);
  });

  it('has no options for an answer without columns', () => {
    expect(options(createDataFrame({ fields: [] }))[1][2]).toEqual([]);
  });
});

describe('toVariableQuery', () => {
  const expected = { refId: 'v', rawSql: 'SELECT 1', query: 'SELECT 1', format: 'table' };

  it.each([
    ['plain text', 'SELECT 1'],
    ['rawSql', { rawSql: 'SELECT 1' }],
    ['rawSql with another shape', { rawSql: 'SELECT 1', format: 0, query: 'SELECT 2' }],
    ['query alone', { query: 'SELECT 1' }],
  ])('reads %s', (_, stored) => {
    expect(toVariableQuery(stored as PerfVariableQuery, 'v')).toMatchObject(expected);
  });

  it('keeps a refId that is there and survives nothing at all', () => {
    expect(toVariableQuery({ refId: 'own', rawSql: '' }, 'v').refId).toBe('own');
    expect(toVariableQuery(undefined, 'v')).toMatchObject({ refId: 'v', rawSql: '' });
  });
});

describe('PerfVariableSupport', () => {
  const request = (target: unknown, name?: string) =>
    ({
      requestId: 'r',
      range: getDefaultTimeRange(),
      scopedVars: name ? { __sceneObject: { value: { valueOf: () => ({ state: { name } }) } } } : {},
      targets: [target],
    }) as unknown as DataQueryRequest<PerfVariableQuery>;

  it('runs plain SQL with the time range and a refId of its own, and keeps an error', async () => {
    const datasource = testDatasource();
    const answer = { data: [createDataFrame({ fields: [{ name: 'p', values: ['a'] }] })], error: { message: 'no' } };
    const query = jest.spyOn(datasource, 'query').mockReturnValue(of(answer));
    const asked = request('SELECT 1', 'pattern');
    const response = await lastValueFrom(new PerfVariableSupport(datasource).query(asked));

    expect(query.mock.calls[0][0]).toMatchObject({
      requestId: 'r',
      range: asked.range,
      targets: [{ refId: 'variable-pattern', rawSql: 'SELECT 1', format: 'table' }],
    });
    expect(response.error).toEqual({ message: 'no' });
    expect(response.data[0].fields[1].values).toEqual(['a']);
  });

  it('asks nothing when there is no SQL', async () => {
    const datasource = testDatasource();
    const query = jest.spyOn(datasource, 'query');
    const response = await lastValueFrom(new PerfVariableSupport(datasource).query(request({ rawSql: ' ' })));
    expect(response.data).toEqual([]);
    expect(query).not.toHaveBeenCalled();
  });
});
