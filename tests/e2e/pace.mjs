// How fast the dashboards are, against the same panels over Grafana's own test data in the same run: what is left is ours. The twin of
// a dashboard has its panels with the data that they have just shown, so that Grafana draws the same and asks nobody. Each is
// opened in fresh browsers, in turn, and again in one that knows Grafana's scripts; the fastest of each counts, because
// what else the machine does only ever adds.
import { open, pageIn, refresh } from './drawing.mjs';
import { api, check, done, launch, started, url } from './grafana.mjs';

const ROUNDS = Number(process.env.E2E_ROUNDS ?? 3);
/** Milliseconds beyond Grafana's own. */
const BOUNDS = { fresh: 2000, again: 2000, refresh: 500 };
const TESTDATA = { type: 'grafana-testdata-datasource', uid: 'e2e-testdata' };
const only = process.argv.slice(2);
const dashboards = [
  { uid: 'query-perf-overview', height: 1620 },
  { uid: 'query-perf-pattern', height: 1990 },
  { uid: 'query-perf-compare', height: 1160 },
  { uid: 'query-perf-agents', height: 1400 },
].filter(({ uid }) => only.length === 0 || only.includes(uid));

const told = ({ asked, answered, drawn }) => `the first query after ${asked} ms, the last answer after ${answered} ms, all drawn after ${drawn} ms`;

await started();
const made = await api('/api/datasources', {
  method: 'POST',
  body: JSON.stringify({ name: 'E2E test data', type: TESTDATA.type, uid: TESTDATA.uid, access: 'proxy' }),
});
check(made.status === 200 || made.status === 409, `Grafana has its test data (${made.status})`);
const browser = await launch();
try {
  // What the machine does for the first time: the plugin's worker, Grafana's files and the browser's.
  const { counted, times } = await watched(dashboards[0]);
  const [scripts, megabytes] = [counted.length, counted.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6];
  const own = counted.filter(({ name }) => name.includes('duckdb-perf-datasource')).reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  console.log(`the first visit: ${told(times)}; ${scripts} files of ${megabytes.toFixed(1)} MB, ${own.toFixed(2)} MB of them the plugin's`);
  for (const dashboard of dashboards) {
    await judge(dashboard);
  }
} finally {
  await browser.close();
}
done();

/** The first visit, and the files that it took. */
async function watched({ uid, height }) {
  const page = await pageIn(browser, 1600, height);
  const counted = [];
  page.on('response', async (response) => {
    if (response.url().includes('/public/')) {
      counted.push({ name: response.url(), bytes: (await response.body().catch(() => '')).length });
    }
  });
  const times = await open(page, uid);
  await page.context().close();
  return { counted, times };
}

/** The same dashboard over the data that it shows: no query, no variable, no mark. */
async function twinOf(uid, height) {
  const page = await pageIn(browser, 1600, height);
  const shown = new Map();
  page.on('response', async (response) => {
    if (response.url().includes('/api/ds/query')) {
      const panel = response.request().headers()['x-panel-id'];
      const body = await response.json().catch(() => null);
      shown.set(Number(panel), Object.values(body?.results ?? {}).flatMap(({ frames = [] }) => frames));
    }
  });
  await open(page, uid);
  await page.context().close();
  const { dashboard } = (await api(`/api/dashboards/uid/${uid}`)).body;
  const panels = dashboard.panels.map((panel) => {
    const targets = [{ refId: 'A', datasource: TESTDATA, scenarioId: 'raw_frame', rawFrameContent: JSON.stringify(shown.get(panel.id) ?? []) }];
    return { ...panel, datasource: TESTDATA, targets };
  });
  check(dashboard.panels.every(({ id }) => shown.get(id)?.length > 0), `${uid}: each panel has data to draw again`);
  const twin = { ...dashboard, id: null, uid: `e2e-twin-${uid}`.slice(0, 40), title: `Twin of ${uid}`, tags: [], panels, links: [], templating: { list: [] }, annotations: { list: [] } };
  const saved = await api('/api/dashboards/db', { method: 'POST', body: JSON.stringify({ dashboard: twin, overwrite: true }) });
  check(saved.status === 200, `${uid} has a twin over test data (${saved.status})`);
  return twin.uid;
}

/** In a fresh browser, and again in it. */
async function visit(uid, height, asks) {
  const page = await pageIn(browser, 1600, height);
  const fresh = await open(page, uid, '', '', undefined, asks);
  const again = await open(page, uid, '', '', undefined, asks);
  const pressed = await refresh(page);
  await page.context().close();
  return { fresh, again, pressed };
}

async function judge({ uid, height }) {
  const twin = await twinOf(uid, height);
  const rounds = { ours: [], theirs: [] };
  // A plugin that cannot be loaded would be quick.
  const page = await pageIn(browser, 1600, height);
  check((await open(page, twin, '', '', undefined, false)).marks === 0, `${uid}: its twin draws`);
  await page.context().close();
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.theirs.push(await visit(twin, height, false));
    rounds.ours.push(await visit(uid, height, true));
  }
  const least = (visits, of) => Math.min(...visits.map(of));
  const beyond = (of) => [least(rounds.ours, of), least(rounds.theirs, of)];
  for (const [what, of] of [['fresh', ({ fresh }) => fresh.drawn], ['again', ({ again }) => again.drawn], ['refresh', ({ pressed }) => pressed]]) {
    const [ours, theirs] = beyond(of);
    check(ours - theirs < BOUNDS[what], `${uid}, ${what}: ${ours} ms, of which Grafana needs ${theirs} ms for the same panels over its test data; at most ${BOUNDS[what]} ms are ours`);
  }
  console.log(`    in a fresh browser: ${told(rounds.ours.at(-1).fresh)}`);
  await api(`/api/dashboards/uid/${twin}`, { method: 'DELETE' });
}
