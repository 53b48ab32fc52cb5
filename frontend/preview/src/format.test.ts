import { format, formatTime, isoWeek, mondays, WEEK } from './format';
import { stacked, withGaps } from './series';

test('values in their units', () => {
  const cases: Array<[unknown, string | undefined, string]> = [
    [-1_500, 'si:ms', '-1.5 s'],
    [0, 'si:ms', '0 ms'],
    [0.5, 'si:ms', '500 µs'],
    [123.4, 'si:ms', '123 ms'],
    [69_600, 'si:ms', '69.6 s'],
    [9_310_000, 'si:ms', '9.31 ks'],
    [523_000, 'short', '523 K'],
    [1_234_567, 'locale', '1,234,567'],
    [12, 'percent', '12%'],
    [12345.678, undefined, '12346'],
    [null, 'si:ms', '–'],
    ['text', 'si:ms', 'text'],
    [{ a: 1 }, undefined, '{"a":1}'],
  ];
  cases.forEach(([value, unit, text]) => expect(format(value, unit)).toBe(text));
  expect(format(3.14159, 'none', 1)).toBe('3.1');
});

test('ISO weeks over years of 52 and 53 weeks', () => {
  const week = (date: string) => formatTime(Date.parse(date), 'time:GGGG-[W]WW');
  expect(week('2025-12-29')).toBe('2026-W01');
  expect(week('2026-01-04T23:59:59Z')).toBe('2026-W01');
  expect(week('2027-01-03')).toBe('2026-W53');
  expect(week('2027-01-04')).toBe('2027-W01');
  expect(week('1969-12-29')).toBe('1970-W01');
  expect(isoWeek(Date.parse('2012-01-01'))).toEqual({ year: 2011, week: 52 });
  expect(formatTime(Date.parse('2026-12-28'), 'time:GG[W]WW')).toBe('26W53');
  expect(formatTime(Date.parse('2026-03-01T12:30:00Z'))).toBe('2026-03-01 12:30');
});

test('ticks are Mondays with room between them', () => {
  const [min, max] = [Date.parse('2026-01-05'), Date.parse('2026-12-28')];
  const ticks = mondays(min, max, 640, 64);
  expect(ticks.length).toBeGreaterThan(5);
  expect(ticks.length).toBeLessThanOrEqual(11);
  expect(ticks.every((tick) => new Date(tick).getUTCDay() === 1 && tick >= min && tick <= max)).toBe(true);
  expect(mondays(min, min + WEEK, 640, 64)).toEqual([min, min + WEEK]);
  expect(mondays(min, Date.parse('2126-01-01'), 100, 64).length).toBeLessThan(4);
});

test('lines break at gaps, and columns stack', () => {
  expect(withGaps([1, 2, 9], [[1, 2, 3]], 5)).toEqual({ times: [1, 2, 3, 9], columns: [[1, 2, null, 3]] });
  expect(withGaps([1, 2, 9], [[1, null, 3]], false)).toEqual({ times: [1, 2, 9], columns: [[1, null, 3]] });
  expect(
    stacked([
      [1, null],
      [2, 3],
    ])
  ).toEqual([
    [1, 0],
    [3, 3],
  ]);
});
