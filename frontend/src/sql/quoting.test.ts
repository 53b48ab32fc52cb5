import { formatVariable } from './quoting';

describe('formatVariable', () => {
  const awkward = ["it's", '{a,b}', 'back\\slash', '"q"', 'größe 数', '$x ${y} [[z]]', '', "''"];

  it.each([
    ["it's", "it''s"],
    ['{a,b}', '{a,b}'],
    ['back\\slash', 'back\\slash'],
    ['"q"', '"q"'],
    ['größe 数', 'größe 数'],
    ['$x', '$x'],
    [202647, '202647'],
    [undefined, ''],
  ])('writes the single value %p without quotes', (value, expected) => {
    expect(formatVariable(value)).toBe(expected);
  });

  it.each([
    [['a', "it's"], "'a','it''s'"],
    [['{a,b}', 'back\\slash', '"q"'], "'{a,b}','back\\slash','\"q\"'"],
    [[202646, '202647'], "202646,'202647'"],
    [[], 'NULL'],
  ])('writes the list %p as literals', (value, expected) => {
    expect(formatVariable(value, { multi: true })).toBe(expected);
  });

  it.each([{ multi: true }, { includeAll: true }])('quotes one value of a variable with %p', (traits) => {
    expect(formatVariable("it's", traits)).toBe("'it''s'");
    expect(formatVariable(7, traits)).toBe('7');
  });

  it('loses nothing: what DuckDB reads back is the value', () => {
    const readBack = (sql: string) => sql.slice(1, -1).replace(/''/g, "'");
    expect(awkward.map((value) => readBack(formatVariable([value])))).toEqual(awkward);
    expect(awkward.map((value) => readBack(`'${formatVariable(value)}'`))).toEqual(awkward);
  });
});
