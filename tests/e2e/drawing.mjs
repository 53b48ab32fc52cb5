// Opening dashboards in a browser, and how long that takes.
import { broken, headers, range, url } from './grafana.mjs';

/**
 * Opens a dashboard and waits until nothing loads any more. Times in milliseconds since it was opened: `asked` the first query,
 * `answered` the last answer, `drawn` the last chart or row of a table.
 */
export async function open(page, uid, query = '', kiosk = '&kiosk', times = range, asks = true) {
  const errors = [];
  let first = 0;
  let last = 0;
  let waiting = 0;
  const sent = (request) => {
    if (request.url().includes('/api/ds/query')) {
      first ||= Date.now();
      waiting += 1;
    }
  };
  const seen = async (response) => {
    if (!response.url().includes('/api/ds/query')) {
      return;
    }
    const body = await response.text().catch(() => '');
    if (response.status() !== 200) {
      errors.push(`${response.status()} ${body.slice(0, 500)}`);
    }
    waiting -= 1;
    last = Date.now();
  };
  // What the page itself gave up, because it asks anew.
  const given = (request) => (waiting -= request.url().includes('/api/ds/query') ? 1 : 0);
  page.on('request', sent);
  page.on('requestfailed', given);
  page.on('response', seen);
  const begun = Date.now();
  await page.goto(`${url}/d/${uid}?${times}${kiosk}&${query}`, { timeout: 120000 });
  // Where no query is sent, the panels have their data with them.
  const has = async () => last > 0 || (!asks && (await page.locator('section canvas, section [role="grid"]').count()) > 0);
  const isQuiet = async () => waiting <= 0 && (await has()) && Date.now() - (await lastDrawn(page, last)) > 1200;
  await quiet(page, isQuiet);
  const drawn = (await lastDrawn(page, last)) - begun;
  page.off('request', sent);
  page.off('requestfailed', given);
  page.off('response', seen);
  const marks = await broken(page);
  return { errors, marks, drawn, asked: first && first - begun, answered: last && last - begun };
}

/** When a chart or a row of a table was drawn last, or the last answer came. */
async function lastDrawn(page, answered) {
  return Math.max(answered, await page.evaluate(() => window.e2eDrawn ?? 0));
}

/** A page in a context of its own, which notes when charts are drawn and tables get rows, and what charts say. */
export async function pageIn(browser, width, height) {
  const context = await browser.newContext({ viewport: { width, height }, extraHTTPHeaders: headers });
  await context.addInitScript(() => {
    const cells = '[role="row"], [role="gridcell"]';
    const isRow = (node) => node.nodeType === 1 && (node.matches(cells) || node.querySelector(cells));
    const look = (changes) => changes.some(({ addedNodes }) => [...addedNodes].some(isRow)) && (window.e2eDrawn = Date.now());
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
    for (const name of ['stroke', 'fill', 'fillText']) {
      const draw = CanvasRenderingContext2D.prototype[name];
      CanvasRenderingContext2D.prototype[name] = function (...given) {
        window.e2eDrawn = Date.now();
        if (name === 'fillText') {
          // What a canvas says, and how far down.
          (this.canvas.e2eTexts ??= new Map()).set(String(given[0]), given[2]);
        }
        return draw.apply(this, given);
      };
    }
  });
  return context.newPage();
}

async function quiet(page, isQuiet, limit = 120000) {
  for (let waited = 0; !(await isQuiet()) && waited < limit; waited += 100) {
    await page.waitForTimeout(100);
  }
}

/** Presses refresh; gives the milliseconds until the last panel has its answer and is drawn, 0 when nothing was drawn anew. */
export async function refresh(page) {
  let last = 0;
  const seen = (answer) => answer.url().includes('/api/ds/query') && (last = Date.now());
  page.on('requestfinished', seen);
  page.on('response', seen);
  const begun = Date.now();
  await page.getByTestId('data-testid RefreshPicker run button').click();
  const isQuiet = async () => {
    const at = await lastDrawn(page, last);
    return at > begun && Date.now() - at > 1000;
  };
  await quiet(page, isQuiet, 8000);
  page.off('requestfinished', seen);
  page.off('response', seen);
  return Math.max(0, (await lastDrawn(page, last)) - begun);
}
