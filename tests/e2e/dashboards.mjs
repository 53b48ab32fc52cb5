// Every dashboard in a real browser: it draws without an error mark, dark and light, wide and narrow; the links of its panels lead to the
// pattern's own dashboard with the right pattern; the CSV links download; one report, none, a 53rd week and names with quotes and
// braces are no errors; what is shared externally works without an account. Prints how long drawing takes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { open, pageIn, refresh } from './drawing.mjs';
import { api, ask, broken, check, done, eventually, headers, launch, out, range, skip, started, url } from './grafana.mjs';

// Some of them only: uids, `links`, `looks`, `shared` and `edges`.
const only = process.argv.slice(2);
const all = [
  { uid: 'query-perf-overview', height: 1740 },
  { uid: 'query-perf-pattern', height: 2030 },
  { uid: 'query-perf-compare', height: 1160 },
  { uid: 'query-perf-agents', height: 1400 },
];
const dashboards = all.filter(({ uid }) => only.length === 0 || only.includes(uid));

/** The panels with a threshold. */
const THRESHOLDS = { 'query-perf-overview': 'P95 latency trend', 'query-perf-pattern': 'Percentiles over the weeks' };

/** Where a link of the dashboard leads: which dashboard, which pattern. */
function target(href) {
  const link = new URL(href, url);
  return { uid: link.pathname.split('/').filter(Boolean)[1], pattern: link.searchParams.get('var-pattern') };
}

await started();
const rules = await api('/api/v1/provisioning/alert-rules');
if (process.env.E2E_OWN) {
  check(
    Array.isArray(rules.body) && rules.body.filter((rule) => rule.uid.startsWith('duckdb-perf-')).length === 4,
    'a Grafana without the variables of the contact points has started and shows the four alert rules'
  );
}
const pattern = await ask('SELECT pattern FROM perf_top_patterns WHERE place = 3 ORDER BY week DESC LIMIT 1');
const slowest = await ask('SELECT pattern FROM perf_top_patterns WHERE place = 1 ORDER BY week DESC LIMIT 1');
const second = await ask('SELECT pattern FROM perf_top_patterns WHERE place = 2 ORDER BY week DESC LIMIT 1');
const browser = await launch();
const pageOf = (width, height) => pageIn(browser, width, height);
try {
  for (const { uid, height } of dashboards) {
    const query = uid === 'query-perf-pattern' && pattern ? `var-pattern=${encodeURIComponent(pattern)}` : '';
    for (const theme of ['dark', 'light']) {
      for (const width of [1600, 1280, 800]) {
        const page = await pageOf(width, height);
        const { errors, marks, drawn } = await open(page, uid, `theme=${theme}&${query}`);
        await page.screenshot({ path: join(out, `${uid}-${theme}-${width}.png`) });
        check(errors.length === 0 && marks === 0, `${uid} draws without an error (${theme}, ${width} px, ${drawn} ms cold) ${errors.join(' ')}`);
        const cut = await cutNumbers(page);
        check(cut.length === 0, `and cuts no number off ${cut.join(' | ')}`);
        const named = (await drawnTexts(page)).filter((text) => /\d\dW\d\d/.test(text));
        check(named.length === 0, `and no tick of an axis claims a week ${named.join(' ')}`);
        await page.context().close();
      }
    }
    const page = await pageOf(1600, height);
    await open(page, uid, query, '');
    const warm = await open(page, uid, query, '');
    const again = await refresh(page);
    console.log(`    ${uid}: ${warm.drawn} ms until its last chart is drawn, ${again} ms for a refresh`);
    await page.context().close();
  }

  if (only.length === 0 || only.includes('duckdb-perf-health')) {
    await health();
  }
  if ((only.length === 0 || only.includes('links')) && slowest) {
    const page = await pageOf(1600, 1330);
    try {
      await links(page);
      await download(page);
    } catch (error) {
      await page.screenshot({ path: join(out, 'failed.png') });
      throw error;
    }
    await page.context().close();
  }
  if (only.length === 0 || only.includes('looks')) {
    await looks();
  }
  if (only.length === 0 || only.includes('shared')) {
    await shared();
  }
  if (only.length === 0 || only.includes('edges')) {
    await edges();
  }
} finally {
  await browser.close();
}
done();

/** The dashboard of the plugin's health, over a Prometheus that scrapes this Grafana. */
async function health() {
  if (!process.env.E2E_PROMETHEUS) {
    return skip('the dashboard of the plugin\'s health', 'no Prometheus: on Debian apt-get install prometheus');
  }
  const asked = new Set(readFileSync('provisioning/dashboards/plugin_health.json', 'utf8').match(/duckdb_perf_\w+/g));
  const metrics = (await api('/metrics/plugins/duckdb-perf-datasource')).text;
  // A counter or histogram that nothing has happened to is there by its name alone.
  const missing = [...asked].filter((name) => !metrics.includes(name.replace(/_(total|bucket)$/, '')));
  check(missing.length === 0, `the plugin has every metric that the dashboard asks for ${missing.join(' ')}`);
  const scraped = async () => {
    const expr = encodeURIComponent('sum(rate(duckdb_perf_queries_total[1m])) > 0');
    const found = await api(`/api/datasources/proxy/uid/${process.env.E2E_PROMETHEUS}/api/v1/query?query=${expr}`);
    return found.body?.data?.result?.length > 0;
  };
  await eventually('Prometheus has scraped the plugin', scraped);
  const proposed = await api(`/api/datasources/proxy/uid/${process.env.E2E_PROMETHEUS}/api/v1/rules`);
  const alerts = (proposed.body?.data?.groups ?? []).flatMap((group) => group.rules);
  const failed = alerts.filter((rule) => rule.health === 'err').map((rule) => `${rule.name}: ${rule.lastError}`);
  check(alerts.length >= 7 && failed.length === 0, `Prometheus takes the alert rules of docs/monitoring.md (${alerts.length}) ${failed.join(' ')}`);
  for (const theme of ['dark', 'light']) {
    const context = await browser.newContext({ viewport: { width: 1600, height: 1900 }, extraHTTPHeaders: headers });
    const page = await context.newPage();
    const { errors, marks } = await open(page, 'duckdb-perf-health', `theme=${theme}`, '&kiosk', 'from=now-5m&to=now');
    await page.screenshot({ path: join(out, `duckdb-perf-health-${theme}.png`) });
    check(errors.length === 0 && marks === 0, `the plugin's health draws without an error (${theme}) ${errors.join(' ')}`);
    await context.close();
  }
}

/** What the charts of a page say in their drawings. */
async function drawnTexts(page, title) {
  const within = title ? page.getByTestId(`data-testid Panel header ${title}`) : page;
  return within.locator('canvas').evaluateAll((all) => all.flatMap((canvas) => [...(canvas.e2eTexts?.keys() ?? [])]));
}

/** Numbers in tables and legends that do not fit their cells. */
async function cutNumbers(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll('[role="gridcell"], [role="columnheader"], .u-legend td, table td')]
      .filter((cell) => /^[-▲▼]?[\d.,]+\s?\S{0,3}$/.test(cell.innerText.trim()) && cell.getClientRects().length > 0)
      .filter((cell) => {
        const panel = cell.closest('section')?.getBoundingClientRect();
        const { right } = cell.getBoundingClientRect();
        return cell.scrollWidth > cell.clientWidth + 1 || (panel && right > panel.right + 1);
      })
      .map((cell) => cell.innerText.trim())
  );
}

/** What people ran into: the way things look, as far as a script can see it. */
async function looks() {
  const panel = (page, title) => page.getByTestId(`data-testid Panel header ${title}`);
  for (const { uid, height } of all) {
    const page = await pageOf(800, height);
    await open(page, uid, '', '');
    const first = await page.locator('section').first().boundingBox();
    check(first.y < 330, `${uid}: at 800 pixels the controls leave room for the panels, which begin at ${Math.round(first.y)}`);
    await page.context().close();
  }
  const ranges = ['from=now-6h&to=now', 'from=now-3w%2Fw&to=now%2Fw', 'from=now-10y&to=now'];
  for (const times of ranges) {
    const page = await pageOf(1600, 1620);
    const { errors, marks } = await open(page, 'query-perf-overview', '', '&kiosk', times);
    const texts = await drawnTexts(page, 'P95 latency trend');
    const weeks = texts.filter((text) => /\d\dW\d\d/.test(text));
    check(errors.length === 0 && marks === 0 && texts.length > 4 && weeks.length === 0, `${times}: no tick claims a week (${texts.join(' ')})`);
    const shown = (title) => panel(page, title).getByTestId('data-testid annotation-marker').count();
    check((await shown('P95 latency trend')) <= 8, `${times}: at most eight marks`);
    check((await shown('Query volume per week')) === 0, `${times}: and none on the other panels`);
    await page.context().close();
  }
  // The tooltip of a point names its week.
  const page = await pageOf(1600, 1620);
  await open(page, 'query-perf-overview');
  const chart = panel(page, 'P95 latency trend').locator('.u-over').first();
  const box = await chart.boundingBox();
  const told = await eventually('the tooltip names date and week', async () => {
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
    await page.mouse.move(box.x + box.width * 0.6 + 2, box.y + box.height / 2);
    const text = await page.locator('#grafana-portal-container').innerText();
    return /(\d{4}-\d\d-\d\d)[^]*ISO week\s+(\d{4}-W\d\d)/.exec(text);
  });
  const of = await ask(`SELECT strftime(DATE '${told[1]}', '%G-W%V')`);
  check(told[2] === of, `and the week is that of the date: ${told[1]} ${told[2]}`);
  // Place 1 is on top.
  const query = `var-pattern=${encodeURIComponent(slowest)}`;
  await open(page, 'query-perf-pattern', query);
  await panel(page, 'Place over the weeks').scrollIntoViewIfNeeded();
  const places = await eventually('the axis of places', async () => {
    const all = await panel(page, 'Place over the weeks').locator('canvas').first().evaluate((canvas) => [...(canvas.e2eTexts ?? [])]);
    const ticks = all.filter(([text]) => /^\d+$/.test(text)).map(([text, y]) => [Number(text), y]);
    return ticks.length > 1 && ticks;
  });
  const down = places.sort(([a], [b]) => a - b).map(([, y]) => y);
  check(places[0][0] === 1 && down.every((y, at) => at === 0 || y > down[at - 1]), `place 1 is on top (${places.map(([place]) => place).join(' ')})`);
  // What is not a number is refused.
  const wrong = await open(page, 'query-perf-overview', 'var-slow_ms=abc');
  check(wrong.marks >= 3 && wrong.errors.some((error) => error.includes('Slow above (ms) is not a number: abc')), `a threshold of abc is refused (${wrong.marks} panels)`);
  await page.context().close();
}

/** The overview to share, as somebody without an account sees it. */
async function shared() {
  const path = '/api/dashboards/uid/query-perf-public/public-dashboards';
  const asked = await api(path, { method: 'POST', body: JSON.stringify({ isEnabled: true, share: 'public' }) });
  const { uid, accessToken } = asked.status === 200 ? asked.body : (await api(path)).body;
  const context = await browser.newContext({ viewport: { width: 1280, height: 1700 } });
  const page = await context.newPage();
  const answers = [];
  page.on('response', (response) => response.url().includes('/panels/') && answers.push(response.status()));
  await page.goto(`${url}/public-dashboards/${accessToken}`, { timeout: 120000 });
  await eventually('its five panels have answers', () => answers.length >= 5);
  await page.getByText('slow above').first().waitFor({ timeout: 60000 });
  await page.screenshot({ path: join(out, 'query-perf-public.png') });
  check(answers.every((status) => status === 200) && (await broken(page)) === 0, `what is shared externally draws (${answers.join(' ')})`);
  await context.close();
  if (asked.status === 200) {
    await api(`${path}/${uid}`, { method: 'DELETE' });
  }
}

async function links(page) {
  const hrefs = async (within) =>
    within.locator('a[href*="/d/query-perf-pattern"]').evaluateAll((all) => all.map((link) => link.href));
  const panel = (title) => page.getByTestId(title instanceof RegExp ? title : `data-testid Panel header ${title}`);
  await open(page, 'query-perf-overview');
  const stat = await hrefs(panel('Slow query count'));
  check(stat.some((href) => target(href).pattern === slowest), 'the stat opens the slowest pattern');

  // A click on a bar or a point pins the tooltip, which has the links.
  const bars = panel('Top 10 slow patterns of the current week').locator('.u-over').first();
  const box = await bars.boundingBox();
  await page.mouse.move(box.x + 15, box.y + (box.height / 10) * 1.5);
  await page.mouse.click(box.x + 20, box.y + (box.height / 10) * 1.5);
  const bar = await eventually('the tooltip of the second bar has its link', async () => (await hrefs(page)).find((href) => target(href).pattern === second));
  check(target(bar).uid === 'query-perf-pattern', 'a bar opens its pattern');

  await page.goto(bar, { timeout: 120000 });
  await eventually('the pattern is the chosen one', () => page.getByText(second, { exact: false }).first().isVisible());
  check(true, 'the drill-down shows the pattern that was clicked');

  for (const title of ['P95 latency trend', 'Query volume per week', /^data-testid Panel header P50, P95 and P99 of: /]) {
    await open(page, 'query-perf-overview', `var-pattern=${encodeURIComponent(slowest)}`);
    const chart = panel(title).locator('.u-over').first();
    await chart.scrollIntoViewIfNeeded();
    const place = await chart.boundingBox();
    const leads = async () => {
      // Points that are hovered open a tooltip; a click pins it, with its links. The pattern may run in every fourth week only.
      for (let at = 0.5; at < 0.9; at += 0.02) {
        await page.mouse.move(place.x + place.width * at, place.y + place.height / 2);
        await page.mouse.click(place.x + place.width * (at + 0.01), place.y + place.height / 2);
        await page.waitForTimeout(150);
        const found = (await hrefs(page)).map(target).find((to) => to.pattern === slowest);
        if (found) {
          return found;
        }
        await page.keyboard.press('Escape');
      }
      return null;
    };
    const to = await eventually(`the chart "${title}" has a link`, leads, 30);
    check(to.uid === 'query-perf-pattern', `a point of "${title}" opens its pattern`);
  }

  // The demo's regression came five weeks before its newest report.
  const week = await ask('SELECT CAST(week AS VARCHAR) FROM (SELECT DISTINCT week FROM perf_all_weeks ORDER BY week DESC LIMIT 6) ORDER BY week LIMIT 1');
  await open(page, 'query-perf-compare', `var-week=${week}`);
  const rows = await eventually('the table has links', async () => {
    const found = await hrefs(panel('Regressions'));
    return found.length > 0 && found;
  });
  const first = await panel('Regressions').locator('a[href*="/d/query-perf-pattern"]').first().innerText();
  const named = target(rows[0]).pattern;
  check(named && named.startsWith(first.split(' … ')[0].trim()), `a row of the comparison opens its pattern: ${named}`);
  await page.goto(rows[0], { timeout: 120000 });
  await eventually('its dashboard', () => page.getByText(named.slice(0, 40), { exact: false }).first().isVisible());
  check((await broken(page)) === 0, 'and its dashboard draws');
}

async function download(page) {
  await open(page, 'query-perf-overview', '', '');
  const csv = async () => {
    const link = page.getByRole('link', { name: /CSV/ }).first();
    const address = new URL(await link.getAttribute('href'), url);
    return { address, answer: await api(address.pathname + address.search) };
  };
  const { address, answer } = await csv();
  check(address.search.startsWith('?table=weeks&from='), `the CSV link has the time range: ${address.search}`);
  check(answer.status === 200 && answer.type.includes('text/csv'), `the CSV link downloads (${answer.status}, ${answer.type})`);
  check(answer.text.split('\n')[0].includes('pattern'), `its first line names the columns: ${answer.text.split('\r\n')[0]}`);
  const one = await api(address.pathname + `?table=weeks&from=now-26w%2Fw&to=now%2Fw&var-pattern=${encodeURIComponent(slowest)}`);
  check(one.text.length < answer.text.length && one.text.length > 50, 'with a pattern it is shorter');
  // As the dashboards open by themselves; the newest report may have nothing that got much slower.
  for (const [uid, query] of [['query-perf-pattern', ''], ['query-perf-compare', 'var-percent=&var-min_samples='], ['query-perf-agents', '']]) {
    await open(page, uid, query, '');
    const other = await csv();
    const lines = other.answer.text.trim().split('\r\n').length;
    check(other.answer.status === 200 && lines > 1, `the CSV link of ${uid} downloads ${lines} lines: ${other.answer.text.slice(0, 200)}`);
  }
}

/** How much of a panel's width its dashed red line takes: about ten of sixteen pixels are drawn. */
async function dashed(page, title) {
  const canvas = page.getByTestId(`data-testid Panel header ${title}`).locator('canvas').first();
  return canvas.evaluate((canvas) => {
    const { width, height } = canvas;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const red = new Array(height).fill(0);
    for (let at = 0; at < data.length; at += 4) {
      const [r, g, b] = data.subarray(at, at + 3);
      red[Math.floor(at / 4 / width)] += r > 180 && g < 100 && b < 120 ? 1 : 0;
    }
    return Math.max(...red) / width;
  });
}

/** Every dashboard over one report, over none, and around New Year; and with names that SQL and variables have uses for. */
async function edges() {
  const newYear = `from=${Date.UTC(2026, 11, 1)}&to=${Date.UTC(2027, 1, 1) - 1}`;
  const names = ["it's", '{a,b}', '$__all x', '"', '\\'].map((name) => `var-pattern=${encodeURIComponent(name)}`).join('&');
  const cases = [['names', names, range]];
  if (process.env.E2E_OWN) {
    cases.push(['one', 'var-datasource=e2e-one', range], ['none', 'var-datasource=e2e-none', range], ['year', 'var-datasource=e2e-year', newYear]);
  } else {
    skip('one report, none, around New Year', 'they need a Grafana of their own: set GRAFANA_HOME');
  }
  for (const { uid, height } of all) {
    for (const [name, query, times] of cases) {
      const page = await pageOf(1600, height);
      const { errors, marks } = await open(page, uid, query, '&kiosk', times);
      await page.screenshot({ path: join(out, `${uid}-${name}.png`) });
      check(errors.length === 0 && marks === 0, `${uid} draws without an error (${name}) ${errors.join(' ')}`);
      // The comparison has other words for that.
      if (name !== 'names' && uid !== 'query-perf-compare') {
        const empty = await page.getByText(/^No data$/).count();
        check((empty > 0) === (name === 'none'), `and shows what there is (${empty} empty panels)`);
      }
      if (name === 'one' && THRESHOLDS[uid]) {
        const share = await dashed(page, THRESHOLDS[uid]);
        check(share > 0.4, `and its threshold is a line, with one report too (${share})`);
      }
      await page.context().close();
    }
  }
  await seldom();
}

/** A pattern that runs in every fourth week, in a week in which it ran. */
async function seldom() {
  const start = 'WITH booked AS';
  const one = async (what) => ask(`SELECT ${what} FROM perf_all_weeks WHERE starts_with(pattern, '${start}')`);
  const query = `var-pattern=${encodeURIComponent(await one('max(pattern)'))}&var-week=${await one('CAST(max(week) AS VARCHAR)')}`;
  const page = await pageOf(1600, 1990);
  await open(page, 'query-perf-pattern', query);
  await page.screenshot({ path: join(out, 'query-perf-pattern-seldom.png') });
  const share = await dashed(page, THRESHOLDS['query-perf-pattern']);
  check(share > 0.4, `a pattern of every fourth week has a threshold (${share})`);
  const color = await page.getByText('not comparable').first().evaluate((text) => getComputedStyle(text).color);
  const [r, g, b] = color.match(/\d+/g).map(Number);
  check(Math.max(r, g, b) - Math.min(r, g, b) < 30, `what is not comparable is neither good nor bad: ${color}`);
  await page.context().close();
}
