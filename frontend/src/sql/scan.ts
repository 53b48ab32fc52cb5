/** Just enough of DuckDB's lexer to tell code from text: where strings, names in quotes and comments end. */

/**
 * The end of the string, quoted name or comment that starts at `at`, or `at` itself where none starts.
 * One that is not closed reaches to the end of the text.
 */
export function skipQuoted(sql: string, at: number): number {
  switch (sql[at]) {
    case "'":
      return isEscapeString(sql, at) ? endOfEscapeString(sql, at) : endOfDoubled(sql, at, "'");
    case '"':
      return endOfDoubled(sql, at, '"');
    case '$':
      return endOfDollarQuoted(sql, at);
    case '-':
      return sql[at + 1] === '-' ? after(sql, '\n', at + 2) : at;
    case '/':
      return sql[at + 1] === '*' ? after(sql, '*/', at + 2) : at;
    default:
      return at;
  }
}

/** Whether the character at `at` lies inside a string or a quoted name. */
export function isInsideQuotes(sql: string, at: number): boolean {
  for (let i = 0; i < at;) {
    const end = skipQuoted(sql, i);
    if (end > at) {
      return sql[i] === "'" || sql[i] === '"' || sql[i] === '$';
    }
    i = Math.max(end, i + 1);
  }
  return false;
}

/** Where the strings and the names in quotes lie, from the first quote to behind the last. */
export function quotedRanges(sql: string): Array<[start: number, end: number]> {
  const ranges: Array<[number, number]> = [];
  for (let i = 0; i < sql.length;) {
    const end = skipQuoted(sql, i);
    if (end > i && (sql[i] === "'" || sql[i] === '"')) {
      ranges.push([i, end]);
    }
    i = Math.max(end, i + 1);
  }
  return ranges;
}

/** The arguments of a call, and where it ends. */
export interface CallArguments {
  args: string[];
  /** The index after the closing parenthesis. */
  end: number;
}

/** Reads `(a, b(c, d), 'e)')` whose opening parenthesis is at `open`; undefined when it is never closed. */
export function readArguments(sql: string, open: number): CallArguments | undefined {
  const args: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let i = open; i < sql.length;) {
    const end = skipQuoted(sql, i);
    if (end > i) {
      i = end;
      continue;
    }
    const char = sql[i];
    if (char === '(' || char === '[' || char === '{') {
      depth += 1;
    } else if (char === ')' || char === ']' || char === '}') {
      depth -= 1;
      if (depth === 0) {
        args.push(sql.slice(start, i).trim());
        return { args, end: i + 1 };
      }
    } else if (char === ',' && depth === 1) {
      args.push(sql.slice(start, i).trim());
      start = i + 1;
    }
    i += 1;
  }
  return undefined;
}

function after(sql: string, mark: string, from: number): number {
  const found = sql.indexOf(mark, from);
  return found === -1 ? sql.length : found + mark.length;
}

function endOfDoubled(sql: string, at: number, quote: string): number {
  for (let i = at + 1; i < sql.length; i += 1) {
    if (sql[i] === quote) {
      if (sql[i + 1] !== quote) {
        return i + 1;
      }
      i += 1;
    }
  }
  return sql.length;
}

/** `E'…'`: the only strings in which a backslash escapes. */
function isEscapeString(sql: string, at: number): boolean {
  return /[eE]/.test(sql[at - 1] ?? '') && !/\w/.test(sql[at - 2] ?? '');
}

function endOfEscapeString(sql: string, at: number): number {
  for (let i = at + 1; i < sql.length; i += 1) {
    if (sql[i] === '\\' || (sql[i] === "'" && sql[i + 1] === "'")) {
      i += 1;
    } else if (sql[i] === "'") {
      return i + 1;
    }
  }
  return sql.length;
}

/** `$$…$$` and `$tag$…$tag$`; a `$` that opens none of them begins a variable or a macro. */
function endOfDollarQuoted(sql: string, at: number): number {
  const tag = /^\$([A-Za-z_]\w*)?\$/.exec(sql.slice(at, at + 66))?.[0];
  const close = tag ? sql.indexOf(tag, at + tag.length) : -1;
  return tag && close !== -1 ? close + tag.length : at;
}
