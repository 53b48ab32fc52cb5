// Takes the pictures of the guide in a running Grafana that has the demo reports up to 2026-W47 (seed 1): the same
// data and time range each time. `just screenshots` starts that Grafana. Pictures go to docs/img. The plugin's own dashboard
// wants a Prometheus (Debian: apt-get install prometheus); without one that picture is left out.
import { mkdirSync } from 'node:fs';
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
  { file: 'overview', dashboard: 'query-perf-overview', height: 1450 },
  { file: 'overview-one-pattern', dashboard: 'query-perf-overview', height: 1450, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'overview-light', dashboard: 'query-perf-overview', height: 1450, theme: 'light' },
  { file: 'pattern', dashboard: 'query-perf-pattern', height: 1180, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'compare', dashboard: 'query-perf-compare', height: 1330 },
  { file: 'agents', dashboard: 'query-perf-agents', height: 1260 },
  { file: 'editor', dashboard: 'query-perf-overview', height: 1250, kiosk: false, query: 'editPanel=1', then: openMacros },
  { file: 'explore', path: `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify(explore))}`, height: 900 },
  { file: 'datasource', path: '/connections/datasources/edit/duckdb-perf', height: 1250, then: test },
  // The last one: until then the others have given the plugin something to count.
  { file: 'health', dashboard: 'duckdb-perf-health', height: 1180, times: 'from=now-5m&to=now', query: `var-prometheus=${process.env.E2E_PROMETHEUS}`, prometheus: true },
];

async function openMacros(page) {
  await page.getByRole('button', { name: 'Macros' }).first().click();
}

async function test(page) {
  await page.getByRole('button', { name: /^(Save & test|Test)$/ }).click();
  await page.getByText('DuckDB Perf 0').first().waitFor({ timeout: 120000 });
}

async function started() {
  for (let attempt = 0; attempt < 480; attempt += 1) {
    const health = await fetch(`${url}/api/health`).catch(() => null);
    if (health?.ok) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`no Grafana answers at ${url}`);
}

/** Counts the page's open queries. */
function watch(page) {
  const open = new Set();
  const isQuery = (request) => request.url().includes('/api/ds/query');
  page.on('request', (request) => isQuery(request) && open.add(request));
  page.on('requestfinished', (request) => open.delete(request));
  page.on('requestfailed', (request) => open.delete(request));
  page.on('response', async (response) => {
    if (isQuery(response.request()) && !response.ok()) {
      console.log(`    ${response.status()} ${(await response.text().catch(() => '')).slice(0, 300)}`);
    }
  });
  return open;
}

/** Waits until nothing has been asked for some seconds, and all is drawn. */
async function settle(page, open) {
  await page.waitForLoadState('networkidle', { timeout: 240000 });
  for (let quiet = 0; quiet < 16; quiet += 1) {
    await page.waitForTimeout(250);
    quiet = open.size > 0 ? -1 : quiet;
  }
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
  page.setDefaultTimeout(120000);
  const open = watch(page);
  if (reports && !dashboard) {
    // The machine's path is nobody's business.
    await page.route(/\/api\/datasources/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll(reports, shownReports) });
    });
  }
  const address = dashboard ? `/d/${dashboard}?${picture.times ?? times}&${kiosk ? 'kiosk&' : ''}${query}` : picture.path;
  await page.goto(`${url}${address}${address.includes('?') ? '&' : '?'}theme=${theme}`, { timeout: 240000 });
  await settle(page, open);
  await picture.then?.(page);
  await settle(page, open);
  const marks = await page.locator('[data-testid="data-testid Panel status error"]').count();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.screenshot({ path: join(out, `${file}.png`) });
  await context.close();
  if (marks > 0) {
    throw new Error(`${file}: ${marks} panels show an error`);
  }
  console.log(`took ${file}.png`);
  return 1;
}

await started();
const begun = Date.now();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let taken = 0;
try {
  for (const picture of pictures.filter(({ file }) => only.length === 0 || only.includes(file))) {
    if (picture.prometheus && !process.env.E2E_PROMETHEUS) {
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
}
console.log(`${taken} pictures in ${out}`);
