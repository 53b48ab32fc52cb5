// What the scripts share: Grafana's API, waiting, counting, and the browser.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const url = process.env.GRAFANA_URL.replace(/\/$/, '');
export const out = process.env.E2E_OUT ?? 'target/e2e';
/** The time range of the dashboards, as an address has it. */
export const range = process.env.E2E_RANGE ?? 'from=now-26w%2Fw&to=now%2Fw';
const login = process.env.GRAFANA_LOGIN ?? 'admin:admin';
export const headers = { Authorization: `Basic ${Buffer.from(login).toString('base64')}` };
mkdirSync(out, { recursive: true });

let passed = 0;
let skipped = 0;

export function check(condition, what) {
  if (!condition) {
    throw new Error(what);
  }
  passed += 1;
  console.log(`ok: ${what}`);
}

export function skip(what, why) {
  skipped += 1;
  console.log(`skipped: ${what} (${why})`);
}

export function done() {
  console.log(`${passed} passed, 0 failed, ${skipped} skipped`);
}

export async function api(path, init = {}) {
  const response = await fetch(url + path, { ...init, headers: { ...headers, 'Content-Type': 'application/json' } });
  const text = await response.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not everything is JSON.
  }
  return { status: response.status, type: response.headers.get('content-type') ?? '', body, text };
}

/** Asks `ready` again until it gives something; the last of what it gave otherwise decides the error. */
export async function eventually(what, ready, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await ready();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`not within ${seconds} s: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Panels that show an error: of their query, or because they broke while they were drawn. */
export async function broken(page) {
  const marks = await page.locator('[data-testid="data-testid Panel status error"]').count();
  return marks + (await page.getByText('An unexpected error happened').count());
}

export async function started() {
  await eventually(`a Grafana answers at ${url}`, () => fetch(`${url}/api/health`).then((health) => health.ok, () => false), 300);
}

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The first value of a query. */
export async function ask(rawSql, from = 'now-26w/w', to = 'now/w') {
  const queries = [{ refId: 'A', datasource: { uid: 'duckdb-perf' }, rawSql, format: 'table' }];
  const answer = await api('/api/ds/query', { method: 'POST', body: JSON.stringify({ from, to, queries }) });
  return answer.body?.results?.A?.frames?.[0]?.data?.values?.[0]?.[0];
}
