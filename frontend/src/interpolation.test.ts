import { interpolate } from './interpolation';
import { fakeTemplateSrv } from './testing/templateSrv';

const templateSrv = fakeTemplateSrv({
  one: { value: "it's" },
  many: { value: ['a', "b's"], multi: true },
  all: { value: ['$__all'], options: ['a', 'b'], multi: true, includeAll: true },
  custom: { value: '$__all', allValue: '.*', includeAll: true },
  dollar: { value: 'costs $one' },
  nothing: { value: [], multi: true },
  text: { value: '' },
});

describe('interpolate', () => {
  it.each([
    ["p = '$one'", "p = 'it''s'"],
    ['p IN ($many)', "p IN ('a','b''s')"],
    ['p IN (${all})', "p IN ('a','b')"],
    ['p IN ([[many]])', "p IN ('a','b''s')"],
    ['${many:csv}', "<csv:a,b's>"],
    ['${one:raw}', "it's"],
    ["p = '$dollar'", "p = 'costs $one'"],
    ['p IN ($nothing)', 'p IN (NULL)'],
    ["p = '$text'", "p = ''"],
    ['$__weekFilter(week) AND $__timeFrom() AND $1', '$__weekFilter(week) AND $__timeFrom() AND $1'],
    ['$__conditionalAll(p IN ($all), $all)', '1=1'],
    ['$__conditionalAll(p IN ($many), $many)', "(p IN ('a','b''s'))"],
    ["$__conditionalAll(p ~ '$custom', $custom)", '1=1'],
    ["$__conditionalAll(p = '$text', $text)", "(p = '')"],
    ['$__conditionalAll(p = 1, $missing)', '$__conditionalAll(p = 1, $missing)'],
  ])('%s', (sql, expected) => {
    expect(interpolate(sql, {}, templateSrv)).toBe(expected);
  });

  it('takes scoped variables before those of the dashboard', () => {
    const scoped = { one: { value: 7 }, __interval: { value: '1m' } };
    expect(interpolate("$one '$__interval'", scoped, templateSrv)).toBe("7 '1m'");
  });

  it('a panel that is repeated for a value is not All, wherever its value comes from', () => {
    const sql = "$__conditionalAll(p = '$all', $all)";
    expect(interpolate(sql, { all: { value: 'a' } }, templateSrv)).toBe("(p = 'a')");

    // Scenes gives a repeated panel its own variable and leaves scopedVars alone.
    const local = fakeTemplateSrv({ all: { value: 'a' } });
    const repeated = { ...templateSrv, replace: local.replace };
    expect(interpolate(sql, {}, repeated)).toBe("(p = 'a')");
  });

  it('replaces the search filter by what is typed, quoted where it stands alone', () => {
    const sql = "p LIKE '%$__searchFilter' OR p LIKE ${__searchFilter} OR p = '$one'";
    expect(interpolate(sql, {}, templateSrv)).toBe("p LIKE '%%' OR p LIKE '%' OR p = 'it''s'");
    expect(interpolate(sql, { __searchFilter: { value: "o'$one" } }, templateSrv)).toBe(
      "p LIKE '%o''$one%' OR p LIKE 'o''$one%' OR p = 'it''s'"
    );
  });
});
