import { expandConditionalAll } from './conditionalAll';

const isAll = (name: string) => ({ all: true, some: false })[name];
const expand = (sql: string) => expandConditionalAll(sql, isAll);

describe('expandConditionalAll', () => {
  it.each([
    ['WHERE $__conditionalAll(p IN ($all), $all) AND x', 'WHERE 1=1 AND x'],
    ['WHERE $__conditionalAll(p IN ($some), $some) AND x', 'WHERE (p IN ($some)) AND x'],
    ['$__conditionalAll(p IN (${all:csv}), ${all:csv})', '1=1'],
    ['$__conditionalAll(p = 1, [[all]])', '1=1'],
    ["$__conditionalAll(p = 1, '$all')", '1=1'],
    ["$__conditionalAll(p IN (')', f(a, ($some))), $some)", "(p IN (')', f(a, ($some))))"],
    ['$__conditionalAll(p = 1 AND $__conditionalAll(q = 2, $all), $some)', '(p = 1 AND 1=1)'],
    ['$__conditionalAll(p = 1, $all) OR $__conditionalAll(q = 2, $some)', '1=1 OR (q = 2)'],
    ['$__conditionalAll(p = 1 -- why\n, $some)', '(p = 1 -- why\n)'],
    ['$__conditionalAll(f > 1, 2, $some)', '(f > 1, 2)'],
  ])('%s', (sql, expected) => {
    expect(expand(sql)).toBe(expected);
  });

  it.each([
    "SELECT '$__conditionalAll(p = 1, $all)'",
    '-- $__conditionalAll(p = 1, $all)',
    '$__conditionalAll(p = 1, $unknown)',
    '$__conditionalAll(p = 1, all)',
    '$__conditionalAll(p = 1)',
    '$__conditionalAll(p = 1, $all',
  ])('leaves to the backend: %s', (sql) => {
    expect(expand(sql)).toBe(sql);
  });
});
