import { CoreApp } from '@grafana/data';

import { defaultQuery, formatOf } from './types';

describe('formatOf', () => {
  it.each([
    ['time_series', 'time_series'],
    ['table', 'table'],
    [0, 'time_series'],
    [1, 'table'],
    [2, 'table'],
    [undefined, 'table'],
  ] as const)('reads %p as %p', (stored, expected) => {
    expect(formatOf({ format: stored })).toBe(expected);
  });
});

describe('defaultQuery', () => {
  it('is a trend in panels and nothing in alert rules', () => {
    expect(defaultQuery(CoreApp.PanelEditor)).toMatchObject({ format: 'time_series', rawQuery: true });
    expect(defaultQuery().rawSql).toContain('$__weekFilter(week)');
    expect(defaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({ format: 'table', rawSql: '' });
  });
});
