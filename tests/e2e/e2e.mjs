// Checks the plugin in a running Grafana through its API and in a real browser: it is loaded, its datasource is healthy,
// the dashboard draws five panels without an error, and choosing a pattern changes all of them.
import { join } from 'node:path';

import { api, broken, check, done, headers, launch, out, started, url } from './grafana.mjs';

const range = process.env.E2E_RANGE ?? 'from=now-26w%2Fw&to=now%2Fw';

/** What each panel got, by panel id, while the page loads; and the errors seen. */
async function draw(page, query, file) {
  const answers = new Map();
  const errors = [];
  const seen = async (response) => {
    if (!response.url().includes('/api/ds/query')) {
      return;
    }
    const panel = response.request().headers()['x-panel-id'];
    const body = await response.text().catch(() => '');
    if (response.status() !== 200) {
      errors.push(`${response.status()} ${body.slice(0, 500)}`);
    }
    if (panel) {
      answers.set(panel, body);
    }
  };
  page.on('response', seen);
  await page.goto(`${url}/d/query-perf-overview?${range}&kiosk&${query}`);
  for (let waited = 0; answers.size < 5 && waited < 60000; waited += 250) {
    await page.waitForTimeout(250);
  }
  // Drawing, and what a panel may ask again.
  await page.waitForTimeout(2500);
  page.off('response', seen);
  await page.screenshot({ path: join(out, file), fullPage: false });
  const marks = await broken(page);
  return { answers, errors, marks };
}

await started();
const plugin = await api('/api/plugins/duckdb-perf-datasource/settings');
check(plugin.status === 200 && plugin.body.name === 'DuckDB Perf', 'the plugin is loaded');
const health = await api('/api/datasources/uid/duckdb-perf/health');
console.log(`    ${health.body?.message}`);
check(health.body?.status === 'OK', 'the provisioned datasource is healthy');
const metrics = await fetch(`${url}/metrics/plugins/duckdb-perf-datasource`, { headers });
check(metrics.ok && (await metrics.text()).includes('duckdb_perf_'), 'the plugin has metrics');
const sql = "SELECT pattern FROM perf_top_patterns WHERE place = 3 ORDER BY week DESC LIMIT 1";
const queries = [{ refId: 'A', datasource: { uid: 'duckdb-perf' }, rawSql: sql, format: 'table' }];
const top = await api('/api/ds/query', { method: 'POST', body: JSON.stringify({ from: 'now-26w', to: 'now', queries }) });
const pattern = top.body?.results?.A?.frames?.[0]?.data?.values?.[0]?.[0];
check(typeof pattern === 'string', `a query through the API: ${pattern}`);
if (process.env.E2E_OTHER) {
  const other = await api(`/api/datasources/uid/${process.env.E2E_OTHER}/health`);
  console.log(`    ${other.body?.message}`);
  check(other.body?.status === 'OK', 'a datasource provisioned with the type of the other plugin is healthy');
}
const refused = await api('/api/ds/query', {
  method: 'POST',
  body: JSON.stringify({ from: 'now-1h', to: 'now', queries: [{ ...queries[0], rawSql: 'DROP TABLE x' }] }),
});
check(refused.status === 400 && refused.body.results.A.error.includes('not allowed'), 'a write is refused');

const browser = await launch();
try {
  for (const theme of ['dark', 'light']) {
    const context = await browser.newContext({ viewport: { width: 1600, height: 1300 }, extraHTTPHeaders: headers });
    const page = await context.newPage();
    const all = await draw(page, `theme=${theme}`, `overview-${theme}.png`);
    check(all.answers.size === 5 && all.errors.length === 0 && all.marks === 0, `five panels without an error (${theme}) ${all.errors.join(' ')}`);
    if (theme === 'dark') {
      const one = await draw(page, `theme=${theme}&var-pattern=${encodeURIComponent(pattern)}`, 'overview-one-pattern.png');
      check(one.answers.size === 5 && one.errors.length === 0 && one.marks === 0, 'five panels of one pattern without an error');
      for (const [panel, body] of one.answers) {
        check(body !== all.answers.get(panel), `choosing a pattern changes panel ${panel}`);
      }
    }
    await context.close();
  }
} finally {
  await browser.close();
}
done();
