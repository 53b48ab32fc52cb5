export type Column = Array<number | null>;

/** A row without values where two times are further apart than `least` ms: lines break there. A last one without is none. */
export function withGaps(times: number[], columns: Column[], least: unknown): { times: number[]; columns: Column[] } {
  const end = times.length - Number(columns.every((one) => one[times.length - 1] === null));
  const rows = times.slice(0, end).flatMap((time, at) => {
    const isGap = typeof least === 'number' && at > 0 && time - times[at - 1] > least;
    return [...(isGap ? [{ time: times[at - 1] + 1, at: -1 }] : []), { time, at }];
  });
  return { times: rows.map(({ time }) => time), columns: columns.map((one) => rows.map(({ at }) => one[at] ?? null)) };
}

/** Each column on top of those before it; what is missing counts as nothing. */
export function stacked(columns: Column[]): Column[] {
  let below: Column = [];
  return columns.map((column) => (below = column.map((value, at) => (below[at] ?? 0) + (value ?? 0))));
}
