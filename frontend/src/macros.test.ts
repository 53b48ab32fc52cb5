import { readFileSync } from 'fs';
import path from 'path';

import { MACROS } from './macros';

// Grafana's own variables, which the backend knows for callers without a frontend.
const GRAFANA = ['$__from', '$__to', '$__timezone'];
// What only the frontend writes.
const OURS = ['$__nothing'];

describe('MACROS', () => {
  const name = (signature: string) => signature.split('(')[0];

  it('are those of the backend', () => {
    const table = readFileSync(path.join(__dirname, '../../crates/grafana-sql-macros/src/macros/table.rs'), 'utf8');
    const backend = [...table.matchAll(/^ {4}"(\$__\w+)[^"]*" \[/gm)].map(([, found]) => found);
    expect(backend).toContain('$__weekFilter');
    expect(MACROS.map(({ signature }) => name(signature)).sort()).toEqual(
      backend.filter((found) => ![...GRAFANA, ...OURS].includes(found)).sort()
    );
  });

  it('insert calls of themselves', () => {
    for (const { signature, example } of MACROS) {
      expect(name(example)).toBe(name(signature));
      expect(example).not.toMatch(/column|[[…]/);
    }
  });
});
