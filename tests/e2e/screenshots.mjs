// Takes the pictures of the guide in a running Grafana that has the demo reports up to 2026-W47 (seed 1): the same
// data and time range each time. `just screenshots` starts that Grafana. Pictures go to docs/img. The plugin's own dashboard
// wants a Prometheus (Debian: apt-get install prometheus), which is started here; without it that picture is left out.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const url = process.env.GRAFANA_URL.replace(/\/$/, '');
const out = process.env.SCREENSHOTS_OUT ?? 'docs/img';
const only = process.argv.slice(2);
const login = process.env.GRAFANA_LOGIN ?? 'admin:admin';
const headers = { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
// The weeks 2026-W22 to 2026-W47.
const range = { from: Date.UTC(2026, 4, 25), to: Date.UTC(2026, 10, 23) - 1 };
const times = `from=${range.from}&to=${range.to}&timezone=utc`;
// The folder of the reports, and what the guide calls it.
const reports = process.env.DUCKDB_PERF_PATH;
const shownReports = '/var/lib/perf-reports';
const pattern = 'SELECT * FROM orders WHERE customer_id = ? ORDER BY created_at DESC LIMIT ?';
mkdirSync(out, { recursive: true });

const explore = {
  A: {
    datasource: 'duckdb-perf',
    queries: [
      {
        refId: 'A',
        datasource: { type: 'duckdb-perf-datasource', uid: 'duckdb-perf' },
        format: 'table',
        rawQuery: true,
        editorMode: 'code',
        rawSql:
          'SELECT place, pattern, samples, p50_ms, p95_ms, p99_ms\nFROM perf_top_patterns\nWHERE week = $__weekTo() AND place <= 10\nORDER BY place',
      },
    ],
    range: { from: String(range.from), to: String(range.to) },
  },
};

/** A dashboard is there or not, whatever its branch brought; a missing one is said and does not stop the others. */
const pictures = [
  { file: 'overview', dashboard: 'query-perf-overview', height: 1330 },
  { file: 'overview-one-pattern', dashboard: 'query-perf-overview', height: 1330, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'overview-light', dashboard: 'query-perf-overview', height: 1330, theme: 'light' },
  { file: 'pattern', dashboard: 'query-perf-pattern', height: 1180, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'compare', dashboard: 'query-perf-compare', height: 1330 },
  { file: 'agents', dashboard: 'query-perf-agents', height: 1260 },
  { file: 'editor', dashboard: 'query-perf-overview', height: 1250, kiosk: false, query: 'editPanel=1', then: openMacros },
  { file: 'explore', path: `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify(explore))}`, height: 900 },
  { file: 'datasource', path: '/connections/datasources/edit/duckdb-perf', height: 1250, then: test },
  // The last one: until then the others have given the plugin something to count.
  { file: 'health', dashboard: 'duckdb-perf-health', height: 1180, times: 'from=now-5m&to=now', prometheus: true },
];

async function openMacros(page) {
  await page.getByRole('button', { name: 'Macros' }).first().click();
}

async function test(page) {
  await page.getByRole('button', { name: /^(Save & test|Test)$/ }).click();
  await page.getByText('DuckDB Perf 0').first().waitFor({ timeout: 20000 });
}

async function started() {
  for (let attempt = 0; attempt < 120; attempt += 1) {
    const health = await fetch(`${url}/api/health`).catch(() => null);
    if (health?.ok) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`no Grafana answers at ${url}`);
}

/** Starts a Prometheus that scrapes the plugin every second, and tells Grafana of it. */
async function startPrometheus() {
  if (spawnSync('prometheus', ['--version']).error) {
    return undefined;
  }
  const port = Number(new URL(url).port || 80) + 1;
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const plugin = { job_name: 'duckdb-perf', metrics_path: '/metrics/plugins/duckdb-perf-datasource', scrape_interval: '1s' };
  const scrape = { ...plugin, static_configs: [{ targets: [new URL(url).host] }] };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({ scrape_configs: [scrape] }));
  const options = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`];
  const server = spawn('prometheus', options, { stdio: 'ignore' });
  const datasource = { name: 'Prometheus', uid: 'prometheus', type: 'prometheus', access: 'proxy', url: `http://127.0.0.1:${port}`, jsonData: { timeInterval: '1s' } };
  await fetch(`${url}/api/datasources`, { method: 'POST', body: JSON.stringify(datasource), headers: { ...headers, 'Content-Type': 'application/json' } });
  return () => {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
}

/** Waits until nothing is asked any more and nothing turns. */
async function settle(page) {
  await page.waitForLoadState('networkidle', { timeout: 60000 });
  await page.waitForTimeout(2500);
}

async function take(browser, picture) {
  const { file, dashboard, query = '', kiosk = true, theme = 'dark', height, width = 1500 } = picture;
  if (dashboard) {
    const found = await fetch(`${url}/api/dashboards/uid/${dashboard}`, { headers });
    if (!found.ok) {
      console.log(`skipped: ${file}.png, because there is no dashboard ${dashboard}`);
      return 0;
    }
  }
  const context = await browser.newContext({ viewport: { width, height }, extraHTTPHeaders: headers, timezoneId: 'UTC' });
  const page = await context.newPage();
  if (reports) {
    // The machine's path is nobody's business.
    await page.route(/\/api\/(datasources|ds)/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll(reports, shownReports) });
    });
  }
  const address = dashboard ? `/d/${dashboard}?${picture.times ?? times}&${kiosk ? 'kiosk&' : ''}${query}` : picture.path;
  await page.goto(`${url}${address}${address.includes('?') ? '&' : '?'}theme=${theme}`);
  await settle(page);
  await picture.then?.(page);
  await settle(page);
  const marks = await page.locator('[data-testid="data-testid Panel status error"]').count();
  await page.screenshot({ path: join(out, `${file}.png`) });
  await context.close();
  if (marks > 0) {
    throw new Error(`${file}: ${marks} panels show an error`);
  }
  console.log(`took ${file}.png`);
  return 1;
}

await started();
const stopPrometheus = await startPrometheus();
const begun = Date.now();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let taken = 0;
try {
  for (const picture of pictures.filter(({ file }) => only.length === 0 || only.includes(file))) {
    if (picture.prometheus && !stopPrometheus) {
      console.log(`skipped: ${picture.file}.png, because there is no prometheus`);
      continue;
    }
    if (picture.prometheus) {
      // Some minutes of curves, while people look at the overview.
      while (Date.now() - begun < 240000) {
        await take(browser, { ...pictures[0], file: picture.file });
      }
    }
    taken += await take(browser, picture);
  }
} finally {
  await browser.close();
  stopPrometheus?.();
}
console.log(`${taken} pictures in ${out}`);
