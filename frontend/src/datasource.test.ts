import { testDatasource } from './testing/datasource';

const datasource = testDatasource({ pattern: { value: ['a', 'b'], multi: true } });
const query = { refId: 'A', rawSql: 'SELECT 1 WHERE p IN ($pattern)', format: 0 };

describe('PerfDatasource', () => {
  it.each([
    [{ refId: 'A', rawSql: 'SELECT 1' }, true],
    [{ refId: 'A', rawSql: 'SELECT 1', hide: true }, false],
    [{ refId: 'A', rawSql: ' \n' }, false],
    [{ refId: 'A' }, false],
  ])('asks the backend for %p: %p', (query, expected) => {
    expect(datasource.filterQuery(query)).toBe(expected);
  });

  it('sends variables as values and formats as names', () => {
    expect(datasource.applyTemplateVariables(query, {})).toEqual({
      refId: 'A',
      rawSql: "SELECT 1 WHERE p IN ('a','b')",
      format: 'time_series',
    });
    expect(query.rawSql).toContain('$pattern');
  });

  it('gives alert rules the SQL in the field that Grafana hands on', () => {
    const [rule] = datasource.interpolateVariablesInQueries([query], { __interval: { text: '1w', value: '1w' } });
    expect(rule).toMatchObject({ expression: "SELECT 1 WHERE p IN ('a','b')", instant: false, range: true });
  });

  it('gives Explore queries that stand alone', () => {
    expect(datasource.interpolateVariablesInQueries([query], {})).toEqual([
      {
        refId: 'A',
        rawSql: "SELECT 1 WHERE p IN ('a','b')",
        format: 'time_series',
        datasource: { type: 'duckdb-perf-datasource', uid: 'perf' },
      },
    ]);
  });

  it('has annotations, and leaves the health check to the backend', () => {
    expect(datasource.annotations.getDefaultQuery()).toMatchObject({ format: 'table' });
    expect(Object.prototype.hasOwnProperty.call(Object.getPrototypeOf(datasource), 'testDatasource')).toBe(false);
  });
});
