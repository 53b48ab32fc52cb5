/** A macro that the backend expands, as the editor offers it. */
export interface Macro {
  /** With its arguments, as shown. */
  signature: string;
  /** What it becomes, in one line. */
  doc: string;
  /** What a click inserts. */
  example: string;
}

/** For reports with a `week` column first, since those are what people write most. */
export const MACROS: Macro[] = [
  macro(
    '$__weekFilter(column[, last])',
    'Rows whose ISO week (the integer YYYYWW) touches the time range, up to a chosen week where one is given',
    '$__weekFilter(week)'
  ),
  macro('$__weekFrom()', 'First ISO week of the time range, as YYYYWW'),
  macro('$__weekTo([last])', 'Last ISO week of the time range, as YYYYWW, or a chosen earlier one', '$__weekTo()'),
  macro('$__week([n])', 'The week n weeks after the last of the time range; n is mostly negative', '$__week(-1)'),
  macro('$__weekTime(column)', 'The Monday of a week YYYYWW, as a timestamp', '$__weekTime(week) AS "time"'),
  macro('$__weekTimes()', 'A table of the Mondays of the time range: column time', '$__weekTimes()'),
  macro(
    '$__weekBars(reports)',
    'A table of the reports of the time range, with one week after them: week, time, is_report',
    '$__weekBars(reports)'
  ),
  macro('$__label(column, length)', 'A text on one line, cut at its end', '$__label(pattern, 40)'),
  macro('$__growth(before, now)', 'By how many percent a number grew', '$__growth(before_ms, p95_ms)'),
  macro('$__duration(column)', 'Milliseconds as a text: 240 ms, 1.2 s', '$__duration(p95_ms)'),
  macro('$__scale(column)', 'log or linear, for the axis of these numbers', '$__scale(p95_ms)'),
  macro('$__match(column, regex)', 'What a regular expression finds in a text', "$__match(pattern, 'agent:(\\\\w+)')"),
  macro(
    '$__number(text, name, otherwise)',
    'What was typed into a box, or an error with its name where it is no number',
    "$__number('$slow_ms', 'Slow above', $__slowMs)"
  ),
  macro('$__slowMs', 'Above how many milliseconds a pattern counts as slow: a setting of the datasource'),
  macro('$__timeFilter(column)', 'Rows of the time range, for timestamps and dates', '$__timeFilter(ts)'),
  macro('$__timeFrom()', 'Start of the time range, as a timestamp in UTC'),
  macro('$__timeTo()', 'End of the time range, as a timestamp in UTC'),
  macro('$__time(column)', 'The column, named "time"', '$__time(ts)'),
  macro('$__timeEpoch(column)', 'The column as a timestamp, named "time"', '$__timeEpoch(ts)'),
  macro(
    '$__timeGroup(column, interval[, fill])',
    'Start of the bucket: 5m, 1h, 1d, 1w (from Monday), 1M, 1y. Fill: NULL, previous or a number',
    "$__timeGroup(ts, '1d')"
  ),
  macro('$__timeGroupAlias(…)', 'The same, named "time"', "$__timeGroupAlias(ts, '1d')"),
  macro('$__unixEpochFilter(column)', 'Rows of the time range, for seconds since 1970', '$__unixEpochFilter(ts)'),
  macro('$__unixEpochFrom()', 'Start of the time range, in seconds since 1970'),
  macro('$__unixEpochTo()', 'End of the time range, in seconds since 1970'),
  macro('$__unixEpochNanoFilter(column)', 'Rows of the time range, for nanoseconds', '$__unixEpochNanoFilter(ts)'),
  macro('$__unixEpochNanoFrom()', 'Start of the time range, in nanoseconds since 1970'),
  macro('$__unixEpochNanoTo()', 'End of the time range, in nanoseconds since 1970'),
  macro(
    '$__unixEpochGroup(column, interval[, fill])',
    'Start of the bucket, in seconds since 1970',
    "$__unixEpochGroup(ts, '1d')"
  ),
  macro('$__unixEpochGroupAlias(…)', 'The same as a timestamp, named "time"', "$__unixEpochGroupAlias(ts, '1d')"),
  macro('$__interval', 'Width between two points that suits the panel, such as 1m'),
  macro('$__interval_ms', 'The same in milliseconds'),
  macro('$__range', 'Length of the time range, such as 3600s'),
  macro('$__range_s', 'Length of the time range in seconds'),
  macro('$__range_ms', 'Length of the time range in milliseconds'),
  macro(
    '$__conditionalAll(condition, $variable)',
    'The condition, or true when the variable is All',
    '$__conditionalAll(pattern IN ($pattern), $pattern)'
  ),
  macro('$__searchFilter', 'In a variable’s query: what was typed in its box, with % behind it'),
];

function macro(signature: string, doc: string, example = signature): Macro {
  return { signature, doc, example };
}
