/** What Grafana tells a formatter about the variable whose value it writes. */
export interface VariableTraits {
  multi?: boolean;
  includeAll?: boolean;
}

/** The text as it stands between `'` in DuckDB: a `'` is doubled, and nothing else is special. */
export function escapeText(text: string): string {
  return text.replace(/'/g, "''");
}

/** A DuckDB literal: a number as it is, everything else as a string. */
export function literal(value: unknown): string {
  return typeof value === 'number' ? String(value) : `'${escapeText(String(value))}'`;
}

/**
 * A template variable's value in SQL, with the rules of Grafana's own SQL datasources: a variable that can hold
 * several values gives a list of literals for `IN (…)`, any other gives its bare text for use between `'`.
 * An empty list is `NULL`, because `IN ()` is not SQL.
 */
export function formatVariable(value: unknown, { multi, includeAll }: VariableTraits = {}): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? 'NULL' : value.map(literal).join(',');
  }
  if (multi || includeAll) {
    return literal(value);
  }
  return escapeText(String(value ?? ''));
}
