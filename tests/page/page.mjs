// The page in a browser, served by the real executable: five panels of the provisioned dashboard, choices, themes, sizes, errors,
// the token. The first check that fails ends it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORK, check, end, launch, serve } from './support.mjs';

const { PAGE_OUT } = process.env;
const TOKEN = '0123456789abcdef-page';
mkdirSync(PAGE_OUT, { recursive: true });

const browser = await launch();
const problems = [];

async function open(options = {}) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1300 }, colorScheme: 'dark', ...options });
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  return page;
}
const origins = new Set();

/** Waits until no panel asks any more. */
async function drawn(page) {
  await page.waitForFunction(() => {
    const cards = [...document.querySelectorAll('.card')];
    return cards.length >= 5 && cards.every((card) => card.getAttribute('aria-busy') === 'false');
  });
  await painted(page);
}

/** Waits for the frame after the next one: what was drawn, or follows a new size, is there. */
const painted = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Checks what comes a moment after a click or a new size of the window. */
async function soon(condition, what) {
  for (let at = 0; at < 100 && !(await condition()); at++) {
    await new Promise((done) => setTimeout(done, 100));
  }
  check(await condition(), what);
}

/** Does something that asks every panel again, and waits for the end: the page looks at the server's health last. */
async function after(page, action) {
  await Promise.all([page.waitForResponse((response) => response.url().endsWith('/readyz')), action()]);
  await drawn(page);
}

/** Opens an address and waits for its panels. */
const load = (page, url) => after(page, () => page.goto(url));

const shot = (page, name) => page.screenshot({ path: join(PAGE_OUT, `page-${name}.png`), fullPage: true });
const textOf = (page, panel) => page.locator(`[data-panel="${panel}"] .body`).innerText();
/** How much of the drawings is not background: a chart that drew nothing is empty. */
const inked = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.card canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((count, byte, at) => count + (at % 4 === 3 && byte > 0 ? 1 : 0), 0);
    })
  );
/** Charts whose drawing reaches the right edge, where a label would be cut. */
const cut = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.card canvas')].filter((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(canvas.width - 1, 0, 1, canvas.height);
      return data.some((byte, at) => at % 4 === 3 && byte > 0);
    }).length
  );
/** Where a panel's drawing has the colour of its legend's row: the first and last column, as parts of the width. */
const extent = (page, panel, row) =>
  page.evaluate(
    ([panel, row]) => {
      const card = document.querySelector(`[data-panel="${panel}"]`);
      const swatch = card.querySelectorAll('.legend tbody .swatch')[row];
      const wanted = getComputedStyle(swatch).backgroundColor.match(/\d+/g).map(Number);
      const canvas = card.querySelector('canvas');
      const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const columns = [];
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 60 && wanted.every((channel, of) => Math.abs(channel - data[at + of]) < 24)) {
          columns.push((at / 4) % width);
        }
      }
      return [columns.reduce((a, b) => Math.min(a, b), width) / width, columns.reduce((a, b) => Math.max(a, b), 0) / width];
    },
    [panel, row]
  );
/** Moves down a chart until there is something to click; the series that the tooltip marks. */
async function seek(page, panel, part) {
  const over = page.locator(`[data-panel="${panel}"] .u-over`);
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  for (let y = 2; y < box.height; y += 4) {
    await page.mouse.move(box.x + box.width * part, box.y + y);
    if ((await over.evaluate((element) => element.style.cursor)) === 'pointer') {
      return page.locator('.tooltip .near td').first().innerText();
    }
  }
}
/** Weeks that the last panel shows. */
const times = async (page) => Number(/at (\d+) times/.exec(await page.locator('[data-panel="5"] .plot').getAttribute('aria-label'))[1]);
/** Legends with lines that cannot be seen. */
const hidden = (page) =>
  page.evaluate(() => [...document.querySelectorAll('.legend')].filter((one) => one.scrollHeight > one.clientHeight).length);
/** P95 and colour of each bar. */
const bars = (page) =>
  page.locator('[data-panel="3"] .row').evaluateAll((rows) =>
    rows.map((row) => [Number(/: ([\d.]+) ms$/.exec(row.getAttribute('aria-label'))?.[1]), row.querySelector('.bar').style.background])
  );

/** What a quick hand does while the panels load: nothing of it is lost, and nothing of the past comes back. */
async function hands(url) {
  const page = await open();
  await load(page, url);
  const picker = page.locator('[data-variable="pattern"]');
  const [head, options, shown] = [picker.locator('summary'), picker.locator('.options label'), picker.locator('.chosen')];
  const patterns = () => page.evaluate(() => new URLSearchParams(location.hash.slice(1)).getAll('var-pattern'));
  const tick = (at) => options.nth(at).click();
  /** Presses a control as slowly as a person does. */
  const press = async (control) => {
    const { x, y, width, height } = await control.boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.waitForTimeout(120);
    await page.mouse.up();
  };

  await head.click();
  await tick(1);
  const [download] = await Promise.all([page.waitForEvent('download'), press(page.locator('a', { hasText: 'CSV' }))]);
  check(new URL(download.url()).searchParams.getAll('var-pattern').join() === (await patterns()).join(), 'a click on CSV right after a choice gives what was chosen');
  await drawn(page);
  await head.click();
  await tick(2);
  await press(page.locator('button', { hasText: 'Light' }));
  await soon(() => page.evaluate(() => document.documentElement.dataset.theme === 'light'), 'a click on the theme right after a choice counts');
  check((await patterns()).length === 2, 'and so does the choice');
  await drawn(page);

  await head.click();
  await tick(3);
  await after(page, () => page.goBack().then(() => page.goBack()));
  const before = await patterns();
  check(before.length === 1 && (await shown.innerText()) !== '2 chosen', 'back goes back while a list is open');
  await page.mouse.click(5, 5);
  await page.waitForTimeout(300);
  check((await patterns()).join() === before.join(), 'and what was ticked before does not undo it');

  await page.route('**/api/query', (route) => setTimeout(() => route.continue().catch(() => {}), 400));
  await page.locator('button', { hasText: 'Refresh' }).click();
  await head.click();
  await tick(4);
  await drawn(page);
  check((await options.nth(4).locator('input').isChecked()) && (await shown.innerText()) === '2 chosen', 'an open list keeps its ticks while the panels come');
  await page.unroute('**/api/query');
  await after(page, () => page.keyboard.press('Escape'));
  check((await patterns()).length === 2, 'and they count when it closes');

  let late;
  await page.route('**/readyz', (route) => (late ? route.continue() : (late = route)));
  const refresh = page.locator('button', { hasText: 'Refresh' });
  await refresh.click();
  await soon(async () => Boolean(late), 'the server’s health is asked');
  await after(page, () => refresh.click());
  await late.fulfill({ status: 503, json: { message: 'an old answer' } }).catch(() => {});
  await page.waitForTimeout(200);
  check(!(await page.locator('footer').innerText()).includes('an old answer'), 'an old answer does not replace a newer one');
  await page.unroute('**/readyz');

  const row = page.locator('[data-panel="3"] .row');
  await after(page, () => page.evaluate(() => (location.hash = '')));
  check((await row.count()) === 10, 'without a choice there are ten bars');
  await row.nth(8).hover();
  const bar = await page.locator('.tooltip strong').innerText();
  await after(page, () => page.goBack());
  check((await row.count()) <= 2 && (await page.locator('.tooltip', { hasText: bar }).count()) === 0, 'the tooltip of a bar ends with it');
  await head.click();
  await page.setViewportSize({ width: 600, height: 900 });
  const menu = () => picker.locator('.menu').boundingBox();
  await soon(async () => (await menu()).x >= 0 && (await menu()).x + (await menu()).width <= 600, 'an open list stays in a window that gets narrower');
  await page.close();
}

try {
  const url = await serve('reports');
  await hands(url);
  const page = await open();
  await load(page, url);
  const titles = await page.locator('.card h2').allInnerTexts();
  check(titles.length === 5 && titles[0] === 'P95 latency trend', `five panels: ${titles.join(', ')}`);
  check((await page.locator('.problem, .empty').count()) === 0, 'no panel has an error or is empty');
  const ink = await inked(page);
  check(ink.length === 3 && ink.every((pixels) => pixels > 2000), `three charts are drawn (${ink.join(', ')} pixels)`);
  check((await page.locator('[data-panel="2"] .stat').count()) === 2, 'the stat panel shows two reports');
  check((await page.locator('[data-panel="3"] .row').count()) === 10, 'the bar chart has ten bars');
  check((await cut(page)) === 0, 'no label is cut');
  const slow = (await bars(page)).find(([ms]) => ms > 250)[1];
  const between = (await bars(page)).filter(([ms]) => ms > 100 && ms < 250);
  check(between.length > 0 && between.every(([, color]) => color === slow), 'bars above 100 ms are slow');
  check((await page.locator('[data-panel="1"] .legend tbody tr').count()) >= 10, 'the trend has ten series');
  await soon(async () => (await page.locator('footer').innerText()).includes('60 reports'), 'the page says what is read');
  await shot(page, 'dark');

  const all = await Promise.all([1, 2, 3, 4, 5].map((panel) => textOf(page, panel)));
  await page.locator('[data-variable="pattern"] summary').click();
  const options = page.locator('[data-variable="pattern"] .options label');
  check((await options.count()) > 100, 'the patterns are listed');
  await shot(page, 'patterns');
  await page.locator('[data-variable="pattern"] input[type=search]').fill('select');
  await options.nth(1).click();
  await options.nth(2).click();
  await after(page, () => page.keyboard.press('Escape'));
  check((await page.evaluate(() => location.hash)).match(/var-pattern=/g)?.length === 2, 'two patterns are in the address');
  check((await page.locator('[data-variable="pattern"] .chosen').innerText()) === '2 chosen', 'the choice is shown');
  const two = await Promise.all([1, 2, 3, 4, 5].map((panel) => textOf(page, panel)));
  two.forEach((text, at) => check(text !== all[at], `choosing patterns changes panel ${at + 1}`));
  check((await page.locator('[data-panel="3"] .row').count()) <= 2, 'the bars are those of the two patterns');
  const csv = await page.locator('a', { hasText: 'CSV' }).getAttribute('href');
  check(csv.match(/var-pattern=/g)?.length === 2 && csv.includes('from=now-26w') && csv.includes('var-agent=%24__all'), 'the CSV link is the dashboard’s and holds the choice');
  const rows = await page.evaluate(async (href) => (await fetch(href)).text(), csv);
  check(rows.startsWith('week,pattern,samples') && rows.split('\n').length > 20, 'the CSV link gives rows');

  await after(page, () => page.locator('[data-panel="1"] .legend .link').first().click());
  check((await page.evaluate(() => location.hash)).match(/var-pattern=/g)?.length === 1, 'a series in the legend chooses its pattern');
  await after(page, () => page.goBack());
  check((await page.locator('[data-variable="pattern"] .chosen').innerText()) === '2 chosen', 'back goes back');

  const [trend, volume] = [1, 4].map((panel) => page.locator(`[data-panel="${panel}"] .legend .link`));
  const point = await seek(page, 1, 0.5);
  await shot(page, 'point');
  await after(page, () => page.mouse.down().then(() => page.mouse.up()));
  check((await trend.allInnerTexts()).join() === point, `a click on a point chooses its pattern: ${point}`);
  await after(page, () => page.goBack());
  const part = await seek(page, 4, 0.5);
  await after(page, () => page.mouse.down().then(() => page.mouse.up()));
  check((await volume.allInnerTexts()).join() === part, `a click on a part of a bar chooses its pattern: ${part}`);
  await after(page, () => page.goBack());
  const second = page.locator('[data-panel="3"] .row').nth(1);
  const bar = (await second.getAttribute('aria-label')).replace(/: [^:]*$/, '');
  await after(page, () => second.click());
  // Both are cut at their end, the bar's name earlier.
  const chosen = (await trend.allInnerTexts()).join();
  check(chosen.startsWith(bar.replace(/…$/, '').trimEnd()), `a click on a bar chooses its pattern: ${bar}`);
  const about = await page.locator('.about p').allTextContents();
  check(about.length > 0 && !about.some((text) => /click|dashboard/i.test(text)), 'no panel promises what Grafana alone has');

  await load(page, url);
  check((await times(page)) === 27, 'half a year is shown');
  await after(page, () => page.locator('select').selectOption({ label: 'Last 4 weeks' }));
  check((await times(page)) === 4, 'the time range changes the panels');
  const box = await page.locator('[data-panel="1"] .u-over').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  check((await page.locator('.tooltip tr').count()) >= 5, 'the pointer shows values');
  check(/^\d{4}-W\d\d$/.test(await page.locator('.tooltip strong').innerText()), 'and their week');
  await page.mouse.move(5, 5);

  const wide = await page.locator('[data-panel="1"] canvas').boundingBox();
  await page.setViewportSize({ width: 1000, height: 900 });
  const widthNow = async () => (await page.locator('[data-panel="1"] canvas').boundingBox()).width;
  await soon(async () => (await widthNow()) < wide.width - 200, 'charts follow the window');
  for (const width of [1000, 800, 420]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForFunction((width) => innerWidth === width, width);
    for (const name of ['pattern', 'week']) {
      const summary = page.locator(`[data-variable="${name}"] summary`);
      // At once, before it is painted.
      const { left, right } = await summary.evaluate((head) => {
        head.click();
        return head.nextElementSibling.getBoundingClientRect().toJSON();
      });
      check(left >= 0 && right <= width && right > left, `at ${width} px the list of ${name}s is in the window`);
      await summary.click();
      check(!(await page.locator(`[data-variable="${name}"] .menu`).isVisible()), `and at ${width} px it closes`);
    }
  }
  await page.setViewportSize({ width: 800, height: 900 });
  await soon(async () => (await hidden(page)) === 0, 'a narrow window shows the whole legends');
  await page.setViewportSize({ width: 420, height: 900 });
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await soon(async () => (await overflow()) <= 0, 'nothing is wider than a telephone');
  await soon(async () => (await hidden(page)) === 0, 'a telephone shows the whole legends');
  await shot(page, 'telephone');
  await page.setViewportSize({ width: 1600, height: 1300 });
  await page.locator('button', { hasText: 'Light' }).click();
  await soon(() => page.evaluate(() => document.documentElement.dataset.theme === 'light'), 'the theme is a choice');
  const unnamed = await page.evaluate(
    () => [...document.querySelectorAll('button, select, input, summary, [role=img]')].filter((one) => !(one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent).trim()).length
  );
  check(unnamed === 0, 'every control has a name');
  await page.close();

  const light = await open({ colorScheme: 'light' });
  await load(light, `${url}#from=now-52w/w&to=now/w`);
  check((await light.evaluate(() => document.documentElement.dataset.theme)) === 'light', 'the theme is the system’s');
  check((await light.locator('select option').first().innerText()).length > 0 && (await light.locator('select').inputValue()) === 'Last year', 'the address chooses the range');
  check((await cut(light)) === 0, 'no label of a year is cut');
  await shot(light, 'light');
  await light.close();

  const patient = await open();
  // Between two values of a report, so that the whole milliseconds on a bar tell its side.
  await load(patient, await serve('reports', {}, ['--setting', 'slowMs=250.495']));
  const colors = await bars(patient);
  const isSlow = ([ms, color]) => (color === slow) === ms > 250.495;
  check(new Set(colors.map(([, color]) => color)).size === 2 && colors.every(isSlow), 'bars are slow above the datasource’s own threshold');
  await patient.close();

  const shipped = readFileSync(new URL('../../provisioning/dashboards/query_perf_overview.json', import.meta.url), 'utf8');

  const blank = join(WORK, 'blank.json');
  const nameless = "FROM (SELECT * REPLACE (if(starts_with(pattern, 'SELECT date_trunc(?, created_at) AS day'), '', pattern) AS pattern) FROM perf_weeks) AS perf_weeks";
  writeFileSync(blank, shipped.replaceAll('FROM perf_weeks', nameless));
  const empty = await open();
  await load(empty, await serve('reports', {}, ['--dashboard', blank]));
  check((await textOf(empty, 1)).includes('(empty)') && (await textOf(empty, 3)).includes('(empty)'), 'a pattern without text has a name');
  await after(empty, () => empty.locator('[data-panel="3"] .row', { hasText: '(empty)' }).click());
  check((await empty.locator('[data-variable="pattern"] .chosen').innerText()) === '(empty)', 'and can be chosen');
  await empty.close();

  const one = await open();
  await load(one, await serve('one'));
  for (const panel of [4, 5]) {
    const [from, to] = await extent(one, panel, 0);
    check(from > 0.35 && to < 0.65, `one week stands in the middle of panel ${panel} (${from.toFixed(2)} to ${to.toFixed(2)})`);
  }
  // Its threshold spans the time range, so that the week has its place in that.
  const [first, last] = await extent(one, 1, 0);
  check(first > 0.05 && last < 0.99, `one week stands clear of the edges of panel 1 (${first.toFixed(2)} to ${last.toFixed(2)})`);
  const [from, to] = await extent(one, 1, 10);
  check(to - from > 0.8, 'and the threshold goes from edge to edge');
  await shot(one, 'one');
  await one.close();

  const none = await open();
  await load(none, await serve('empty'));
  const told = await none.locator('.card').allInnerTexts();
  const nothing = JSON.parse(shipped).panels.map(({ title, fieldConfig }) => `${title} ${fieldConfig.defaults.noValue}`);
  check(told.every((text) => nothing.includes(text.replace(/\s+(i\s+)?/g, ' ').trim())), `without reports every panel is empty: ${told[0].split('\n').pop()}`);
  const said = await none.locator('body').innerText();
  check(said.match(/holds no report/g)?.length === 1 && said.includes('wait for the first report'), 'why is said once, with what to do');
  check(!said.includes('`') && (await none.locator('.banner code').first().innerText()).endsWith('/empty'), 'with code as code');
  await shot(none, 'empty');
  await none.close();
  const expected = problems.filter((text) => !text.includes('Failed to load resource'));
  check(expected.length === 0, `nothing is written to the console as an error ${expected.join(' ')}`);
  problems.length = 0;

  const secret = await open();
  await secret.goto(await serve('reports', { DUCKDB_PERF_TOKEN: TOKEN }));
  await secret.locator('dialog input').fill('wrong');
  await secret.locator('dialog button').click();
  await secret.locator('dialog', { hasText: 'not accepted' }).waitFor();
  await secret.locator('dialog input').fill(TOKEN);
  await secret.locator('dialog button').click();
  await drawn(secret);
  check((await secret.locator('.problem, .empty').count()) === 0, 'with the token the panels are drawn');
  const [download] = await Promise.all([secret.waitForEvent('download'), secret.locator('a', { hasText: 'CSV' }).click()]);
  const name = download.suggestedFilename();
  check(/^perf_weeks_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.csv$/.test(name), `the CSV comes with the token too, under its own name: ${name}`);
  const kept = await secret.evaluate(() => [Object.keys(localStorage).length, document.cookie, location.href]);
  check(kept[0] === 0 && kept[1] === '' && !kept[2].includes(TOKEN), 'the token is in this tab alone');
  await secret.close();
  check([...origins].every((origin) => origin.startsWith('http://127.0.0.1:')), 'the page asks nobody else');
} finally {
  end();
  await browser.close();
}
