// Pages of other sites in a browser: whatever they send to the real executable, started without a token, they learn nothing of its
// reports, and no query runs. The first check that fails ends it.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { check, end, launch, serve } from './support.mjs';

const SCRIPT = readFileSync(new URL('attacks.js', import.meta.url), 'utf8');
/** A question with one bit: rows, or an error. */
const question = (base, isSo, at) => {
  const sql = `SELECT CASE WHEN count(*) ${isSo ? '>' : '<'} 0 THEN 1 ELSE error('no')::INT END FROM perf_all_weeks -- n${at}`;
  return `${base}api/export.csv?sql=${encodeURIComponent(sql)}`;
};

const listening = [];
/** Listens at a free port; resolves to it. */
const listen = (handler) =>
  new Promise((done) => {
    const server = http.createServer(handler).listen(0, '127.0.0.1', () => done(server.address().port));
    listening.push(server);
  });

/** Passes on what comes, and notes it: a page is not told of every request that it causes. `host` is the name that it asks by. */
async function proxy(host) {
  const made = { passed: [] };
  const port = await listen((request, response) => {
    const { url, method, headers } = request;
    const entry = { url, site: headers['sec-fetch-site'] };
    made.passed.push(entry);
    const onward = http.request(new URL(url, made.target), { method, headers: { ...headers, host: host ?? headers.host } }, (answer) => {
      entry.status = answer.statusCode;
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return Object.assign(made, { url: `http://127.0.0.1:${port}/` });
}

/** How many queries and downloads have ended. */
async function ended(url) {
  const text = await (await fetch(`${url}metrics`)).text();
  return [...text.matchAll(/^duckdb_perf_queries_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

// Its pages are those of a site with a name of its own, and of others on this machine.
const port = await listen((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://site.example');
  if (pathname === '/redirect') {
    response.writeHead(307, { Location: searchParams.get('to') }).end();
  } else {
    const policy = searchParams.get('referrer');
    response.setHeader('Content-Type', 'text/html').end(`<!doctype html><meta name=referrer content=${policy}><body><script>${SCRIPT}</script>`);
  }
});
const browser = await launch('--host-resolver-rules=MAP *.example 127.0.0.1');
const context = await browser.newContext();

/** A page of a site, with the attacks in it. */
async function visit(site, referrer) {
  const page = await context.newPage();
  await page.goto(`${site}?referrer=${referrer}`);
  return page;
}

/** What the page sees; windows that it opened are closed. */
async function attack(page, name, url) {
  const seen = await page.evaluate(([name, url]) => window.attacks[name](url), [name, url]);
  await Promise.all(context.pages().map((other) => other !== page && other.close()));
  return seen;
}

/** Opens the page by `go` and waits for its panels. */
async function drawn(page, go) {
  await go();
  await page.waitForFunction(() => document.querySelectorAll('.card[aria-busy=false]').length >= 5);
  return (await page.locator('.problem, .empty').count()) === 0;
}

try {
  const server = await proxy();
  const direct = (server.target = await serve('one'));
  check((await fetch(question(direct, true, 'rows'))).status === 200, 'what is no page gets rows');
  check((await fetch(question(direct, false, 'error'))).status === 400, 'or an error');
  const before = await ended(direct);

  const sites = [
    [`http://site.example:${port}/`, 'unsafe-url'],
    [`http://localhost:${port}/`, 'no-referrer'],
    [`http://127.0.0.1:${port}/`, 'no-referrer'],
  ];
  const tried = [];
  for (const [site, referrer] of sites) {
    const page = await visit(site, referrer);
    for (const name of await page.evaluate(() => Object.keys(window.attacks))) {
      for (const isSo of [true, false]) {
        const told = await attack(page, name, question(server.url, isSo, tried.length));
        tried.push({ name, site, isSo, told });
      }
    }
    await page.close();
  }
  const late = () => server.passed.some(({ status }) => status === undefined);
  for (let at = 0; at < 50 && late(); at++) {
    await new Promise((done) => setTimeout(done, 100));
  }
  const after = await ended(direct);
  for (const name of new Set(tried.map(({ name }) => name))) {
    const told = (isSo) => tried.filter((one) => one.name === name && one.isSo === isSo).map(({ told }) => told);
    const numbers = [...tried.keys()].filter((at) => tried[at].name === name);
    const passed = server.passed.filter(({ url }) => numbers.includes(Number(/\d+$/.exec(url))));
    // The browser gives up some of them when their window closes.
    const statuses = passed.flatMap(({ status }) => status ?? []);
    const isRefused = statuses.length > 0 && statuses.every((status) => status === 403);
    const list = (values) => [...new Set(values)].join(', ');
    const said = `yes: ${list(told(true))}; no: ${list(told(false))}; ${statuses.length} requests: ${list(statuses)}`;
    check(isRefused && told(true).join() === told(false).join(), `${name} of another site is refused and tells it nothing (${said})`);
  }
  check(after === before, `and it ran none of these ${tried.length} queries`);
  const without = server.passed.filter(({ site }) => site === undefined).length;
  check(without > 0, `${without} requests do not say their site and are known by their origin`);

  const elsewhere = await visit(...sites[0]);
  await elsewhere.evaluate((url) => window.attacks['<iframe>'](url), server.url);
  const framed = elsewhere.frames().map((frame) => frame.url());
  check(framed.length === 2 && !framed.includes(server.url), 'the page does not come into a frame of another site');
  check((await attack(elsewhere, 'window.open', server.url)) === 'out of reach', 'a window with the page is out of reach for the site that opened it');
  await elsewhere.evaluate((url) => document.body.append(Object.assign(document.createElement('a'), { href: url, textContent: 'page' })), server.url);
  check(await drawn(elsewhere, () => elsewhere.click('a')), 'a link from another site opens the page, and it draws, also behind a proxy');
  check((await elsewhere.goto(`${server.url}api/perf/slow?limit=1`)).status() === 403, 'an address that somebody enters, or that another site sends on as if it were, is not answered');
  check((await elsewhere.goto(server.url)).status() === 200, 'the address of the page itself is answered');
  const bound = direct.replace('127.0.0.1', 'site.example');
  check((await elsewhere.goto(`${bound}api/perf/slow?limit=1`)).status() === 403, 'a name that another site lets point to this machine does not help it');
  await elsewhere.close();

  const named = await proxy();
  named.target = await serve('one', {}, ['--cors-origin', sites[1][0].slice(0, -1)]);
  const friend = await visit(sites[1][0], 'unsafe-url');
  const told = [await attack(friend, 'fetch', question(named.url, true, 'friend')), await attack(friend, 'fetch', question(named.url, false, 'friend'))];
  check(told.join() === 'fulfilled: cors 200,fulfilled: cors 400', `a site that is named reads answers: ${told.join(', ')}`);
  await friend.close();
  const foe = await visit(...sites[0]);
  const refused = await attack(foe, 'fetch', question(named.url, true, 'foe'));
  check(refused === 'rejected: TypeError' && named.passed.at(-1).status === 403, 'and no other may');
  await foe.close();

  // As many proxies do unless they are told otherwise.
  const renaming = await proxy('127.0.0.1:80');
  renaming.target = await serve('one', {}, ['--cors-origin', renaming.url.slice(0, -1)]);
  const visitor = await context.newPage();
  check(await drawn(visitor, () => visitor.goto(renaming.url)), 'behind a proxy that asks by another name the page draws where its origin is named');
} finally {
  end();
  listening.forEach((server) => server.close());
  await browser.close();
}
