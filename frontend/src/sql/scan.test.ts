import { isInsideQuotes, quotedRanges, readArguments, skipQuoted } from './scan';

describe('skipQuoted', () => {
  it.each([
    ["'a'b", 3],
    ["'it''s' x", 7],
    ["'open", 5],
    ["'back\\' x", 7],
    ['"a ""b"" c" x', 11],
    ['-- to the end\nx', 14],
    ['/* a * b */x', 11],
    ['- 1', 0],
    ['/ 2', 0],
    ["$$it's$$ x", 8],
    ['$tag$ $$ $tag$x', 14],
    ['$pattern', 0],
    ['$a = $b', 0],
    ['select', 0],
  ])('%s ends at %d', (sql, end) => {
    expect(skipQuoted(sql, 0)).toBe(end);
  });

  it('knows that a backslash escapes in E strings only', () => {
    expect(skipQuoted("E'a\\'b' c", 1)).toBe(7);
    expect(skipQuoted("like'a\\' c", 4)).toBe(8);
  });
});

describe('readArguments', () => {
  it.each([
    ['(a, b)', ['a', 'b']],
    ['(f(a, b), \')\', "x,y")', ['f(a, b)', "')'", '"x,y"']],
    ["([1, 2], {'k': 3})", ['[1, 2]', "{'k': 3}"]],
    ['(a /* , ) */, b)', ['a /* , ) */', 'b']],
  ])('splits %s', (sql, args) => {
    expect(readArguments(`${sql} tail`, 0)).toEqual({ args, end: sql.length });
  });

  it('gives up on a call that is not closed', () => {
    expect(readArguments("(a, ')'", 0)).toBeUndefined();
  });
});

describe('isInsideQuotes', () => {
  it.each([
    ["LIKE '^'", true],
    ['SELECT "^"', true],
    ["LIKE ^ || 'x'", false],
    ["'a' LIKE ^", false],
    ["-- it's\n ^", false],
  ])('%s: %p', (sql, inside) => {
    expect(isInsideQuotes(sql.replace('^', '$'), sql.indexOf('^'))).toBe(inside);
  });
});

describe('quotedRanges', () => {
  it('are strings and names, not comments and dollar quotes', () => {
    const sql = `SELECT 'it''s' AS "a b" -- 'no'\n, $$'no'$$, E'\\'' /* "no" */`;
    expect(quotedRanges(sql).map(([start, end]) => sql.slice(start, end))).toEqual(["'it''s'", '"a b"', "'\\''"]);
  });
});
