// The document that started the project, in a running Grafana: its datasource of a database file (E2E_DOCUMENT is the uid), its
// queries, and its dashboard, which is imported as it is written and draws.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { api, broken, check, done, headers, launch, out, started, url } from './grafana.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), '../document');
const uid = process.env.E2E_DOCUMENT;
const read = (name) => readFileSync(join(here, name), 'utf8');

await started();
const health = await api(`/api/datasources/uid/${uid}/health`);
console.log(`    ${health.body?.message}`);
check(health.body?.status === 'OK' && health.body.message.includes('relative paths from'), 'Save & test says from where relative paths start');

const texts = read('queries.sql').split(';\n').filter((text) => text.trim());
for (const text of texts) {
  const [title, ...sql] = text.trim().split('\n');
  const [format, what] = title.replace('-- ', '').split(': ');
  const queries = [{ refId: 'A', datasource: { uid }, rawSql: sql.join('\n'), format }];
  const answer = await api('/api/ds/query', { method: 'POST', body: JSON.stringify({ from: 'now-6h', to: 'now', queries }) });
  check(answer.status === 200 && !answer.body.results.A.error, `a query of the document: ${what}`);
}

const imported = await api('/api/dashboards/db', { method: 'POST', body: read('dashboard.json') });
check(imported.status === 200, 'the dashboard is imported as it is written');
const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, extraHTTPHeaders: headers });
  const page = await context.newPage();
  const answers = [];
  page.on('response', async (response) => {
    if (response.url().includes('/api/ds/query')) {
      answers.push(`${response.status()} ${await response.text().catch(() => '')}`);
    }
  });
  await page.goto(`${url}${imported.body.url}?kiosk`);
  for (let waited = 0; answers.length < 3 && waited < 60000; waited += 250) {
    await page.waitForTimeout(250);
  }
  await page.waitForTimeout(2500);
  await page.screenshot({ path: join(out, 'document.png') });
  check(answers.length >= 3 && answers.every((answer) => answer.startsWith('200 ')), 'its panels are answered');
  check((await broken(page)) === 0 && (await page.getByText('No data').count()) === 0, 'its panels draw');
} finally {
  await browser.close();
}
done();
