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
  macro: { value: 'ts > $__from AND [[x]] = ${__to} OR id = $1' },
  macros: { value: ['$__from', '[[x]]', "it's $__from"], multi: true },
  name: { value: '__from' },
  condition: { value: '$__weekFilter(week)' },
  quoted: { value: "week > 1 AND p = '$__from'" },
});

describe('interpolate', () => {
  it.each([
    ["p = '$one'", "p = 'it''s'"],
    ['p IN ($many)', "p IN ('a','b''s')"],
    ['p IN (${all})', "p IN ('a','b')"],
    ['p IN ([[many]])', "p IN ('a','b''s')"],
    ['${many:csv}', "<csv:a,b's>"],
    ['${one:raw}', "it's"],
    ["p = '$dollar'", "p = 'costs $${__nothing}one'"],
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

  it.each([
    // What the backend would read again is kept apart; it replaces the mark by nothing.
    ["p = '$macro'", "p = 'ts > $${__nothing}__from AND [${__nothing}[x]] = $${__nothing}{__to} OR id = $1'"],
    ['p IN ($macros)', "p IN ('$${__nothing}__from','[${__nothing}[x]]','it''s $${__nothing}__from')"],
    ["p = '${macro:raw}'", "p = 'ts > $${__nothing}__from AND [${__nothing}[x]] = $${__nothing}{__to} OR id = $1'"],
    [
      'SELECT 1 AS "$macro"',
      'SELECT 1 AS "ts > $${__nothing}__from AND [${__nothing}[x]] = $${__nothing}{__to} OR id = $1"',
    ],
    ["p = '$${name}'", "p = '$${__nothing}__from'"],
    ["p = '$[[name]]'", "p = '$${__nothing}__from'"],
    ["E'\\'$name $name'", "E'\\'__from __from'"],
    ["E'\\'$macro'", "E'\\'ts > $${__nothing}__from AND [${__nothing}[x]] = $${__nothing}{__to} OR id = $1'"],
    // Neither a person's own text, nor SQL that an author keeps in a variable.
    ["ts > '$__interval' AND p = '$one [[x]] $__from'", "ts > '$__interval' AND p = 'it''s [[x]] $__from'"],
    ['WHERE $condition', 'WHERE $__weekFilter(week)'],
    ['WHERE ${condition:raw}', 'WHERE $__weekFilter(week)'],
    ['WHERE ${quoted:raw}', "WHERE week > 1 AND p = '$${__nothing}__from'"],
    ['SELECT $$ $name $__from $$ -- $condition', 'SELECT $$ __from $__from $$ -- $__weekFilter(week)'],
  ])('leaves what looks like a variable in a value: %s', (sql, expected) => {
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
      "p LIKE '%o''$${__nothing}one%' OR p LIKE 'o''$${__nothing}one%' OR p = 'it''s'"
    );
  });
});
