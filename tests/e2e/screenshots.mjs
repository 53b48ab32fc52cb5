// Takes the pictures of the guide in a running Grafana that has the demo reports up to 2026-W47 (seed 1): the same
// data and time range each time. `just screenshots` starts that Grafana. Pictures go to docs/img. The plugin's own dashboard
// wants a Prometheus (Debian: apt-get install prometheus); without one that picture is left out.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { broken, headers, launch, started, url } from './grafana.mjs';

const out = process.env.SCREENSHOTS_OUT ?? 'docs/img';
const only = process.argv.slice(2);
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
  { file: 'overview', dashboard: 'query-perf-overview', height: 1640 },
  { file: 'overview-one-pattern', dashboard: 'query-perf-overview', height: 1640, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'overview-light', dashboard: 'query-perf-overview', height: 1640, theme: 'light' },
  { file: 'pattern', dashboard: 'query-perf-pattern', height: 1910, query: `var-pattern=${encodeURIComponent(pattern)}` },
  { file: 'compare', dashboard: 'query-perf-compare', height: 970, query: 'var-week=202642&var-before=202636' },
  { file: 'agents', dashboard: 'query-perf-agents', height: 1270 },
  { file: 'editor', dashboard: 'query-perf-overview', height: 1640, kiosk: false, query: 'editPanel=1', then: openMacros, answers: 1 },
  { file: 'explore', path: `/explore?schemaVersion=1&orgId=1&panes=${encodeURIComponent(JSON.stringify(explore))}`, height: 900, answers: 1 },
  { file: 'datasource', path: '/connections/datasources/edit/duckdb-perf', height: 1250, then: test },
  // The last one: until then the others have given the plugin something to count.
  { file: 'health', dashboard: 'duckdb-perf-health', height: 2290, times: 'from=now-5m&to=now', query: `var-prometheus=${process.env.E2E_PROMETHEUS}`, prometheus: true },
];

async function openMacros(page) {
  await page.getByRole('button', { name: 'Macros' }).first().click();
}

async function test(page) {
  await page.getByRole('button', { name: /^(Save & test|Test)$/ }).click();
  await page.getByText('DuckDB Perf 0').first().waitFor({ timeout: 120000 });
}

/** What the page asks for: open queries, and the panels that have an answer. */
function watch(page) {
  const asked = { open: new Set(), panels: new Set(), answers: 0 };
  const isQuery = (request) => request.url().includes('/api/ds/query');
  page.on('request', (request) => isQuery(request) && asked.open.add(request));
  page.on('requestfailed', (request) => asked.open.delete(request));
  page.on('requestfinished', (request) => {
    if (asked.open.delete(request)) {
      asked.answers += 1;
    }
    asked.panels.add(request.headers()['x-panel-id']);
  });
  page.on('response', async (response) => {
    if (isQuery(response.request()) && !response.ok()) {
      console.log(`    ${response.status()} ${(await response.text().catch(() => '')).slice(0, 300)}`);
    }
  });
  return asked;
}

/** Waits until these panels have their data, nothing has been asked for some seconds, and all is drawn. */
async function settle(page, asked, panels, answers = 0) {
  await page.waitForLoadState('networkidle', { timeout: 240000 });
  const begun = Date.now();
  for (let quiet = 0; quiet < 16; quiet += 1) {
    await page.waitForTimeout(250);
    const missing = panels.filter((id) => !asked.panels.has(String(id)));
    quiet = asked.open.size > 0 || missing.length > 0 || asked.answers < answers ? -1 : quiet;
    if (Date.now() - begun > 180000) {
      throw new Error(`panels ${missing.join(', ')} got no data within three minutes`);
    }
  }
}

/** The panels of a dashboard that are in sight and ask for data; `undefined` when there is no such dashboard. */
async function panelsOf(dashboard, height) {
  const found = await fetch(`${url}/api/dashboards/uid/${dashboard}`, { headers });
  const panels = found.ok ? (await found.json()).dashboard.panels : undefined;
  return panels?.filter(({ targets, gridPos }) => targets?.length && 160 + gridPos.y * 38 < height).map(({ id }) => id);
}

async function take(browser, picture) {
  const { file, dashboard, query = '', kiosk = true, theme = 'dark', height, width = 1500 } = picture;
  const panels = dashboard ? await panelsOf(dashboard, height) : [];
  if (!panels) {
    console.log(`skipped: ${file}.png, because there is no dashboard ${dashboard}`);
    return 0;
  }
  const context = await browser.newContext({ viewport: { width, height }, extraHTTPHeaders: headers, timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(120000);
  const asked = watch(page);
  if (reports && !dashboard) {
    // The machine's path is nobody's business.
    await page.route(/\/api\/datasources/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll(reports, shownReports) });
    });
  }
  const address = dashboard ? `/d/${dashboard}?${picture.times ?? times}&${kiosk ? 'kiosk&' : ''}${query}` : picture.path;
  await page.goto(`${url}${address}${address.includes('?') ? '&' : '?'}theme=${theme}`, { timeout: 240000 });
  await settle(page, asked, picture.then ? [] : panels, picture.answers);
  await picture.then?.(page);
  await settle(page, asked, []);
  const marks = await broken(page);
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
const browser = await launch();
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
        await take(browser, { ...pictures[0], file: picture.file }).catch(() => 0);
      }
    }
    // One that fails does not keep the others from being taken.
    taken += await take(browser, picture).catch((error) => {
      console.log(`error: ${picture.file}: ${error.message}`);
      process.exitCode = 1;
      return 0;
    });
  }
} finally {
  await browser.close();
}
console.log(`${taken} pictures in ${out}`);
