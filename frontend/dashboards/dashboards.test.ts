import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { files } from './index';

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
