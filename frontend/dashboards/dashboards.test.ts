import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { files } from './index';
import { sqlOf } from './query';

const folder = join(__dirname, '../../provisioning/dashboards');

// `just dashboards` writes what this compares.
const writes = process.env.WRITE_DASHBOARDS === '1';

test.each([...files()])('%s is what its source makes', (file, text) => {
  const path = join(folder, file);
  if (writes) {
    writeFileSync(path, text);
  }
  // Not equal: change the source below frontend/dashboards and run `just dashboards`.
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('there is no other dashboard', () => {
  const found = readdirSync(folder).filter((file) => file.endsWith('.json'));
  expect(found.sort()).toEqual([...files().keys()].sort());
});

// What people open first is the SQL of a panel.
test.each(sqlFiles())('%s is short', (file) => {
  const lines = sqlOf(file.replace(/\.sql$/, '')).split('\n');
  expect(lines.length).toBeLessThanOrEqual(25);
  expect(lines.filter((line) => [...line].length > 110)).toEqual([]);
});

test('every file of SQL is in a dashboard, as it is', () => {
  const all = [...files().values()].join('\n');
  const unused = sqlFiles().filter((file) => !all.includes(JSON.stringify(sqlOf(file.replace(/\.sql$/, '')))));
  expect(unused).toEqual([]);
});

function sqlFiles(): string[] {
  return readdirSync(join(__dirname, 'sql'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.sql')
  );
}
