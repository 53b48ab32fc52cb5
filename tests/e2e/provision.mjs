// `duckdb-perf provision` against a real Grafana of its own, started from GRAFANA_HOME: makes everything, finds everything
// as it is the second time, changes nothing when dry, leaves what is not its own, and says what is in the way.
// Usage (run.mjs does it): GRAFANA_HOME=… node provision.mjs PLUGIN_FOLDER REPORTS
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [plugin, reports] = process.argv.slice(2);
const home = process.env.GRAFANA_HOME;
const port = Number(process.env.E2E_PROVISION_PORT ?? 3231);
const out = process.env.E2E_OUT ?? 'target/e2e';
const url = `http://127.0.0.1:${port}/grafana`;
const admin = 'admin:admin';
const work = mkdtempSync(join(tmpdir(), 'provision-'));
const executable = join(plugin, readdirSync(plugin).find((name) => name.startsWith('gpx_duckdb_perf_linux_')));
let server;

let passed = 0;
function check(condition, what, shown) {
  if (!condition) {
    throw new Error(shown === undefined ? what : `${what}: ${typeof shown === 'string' ? shown : JSON.stringify(shown, null, 1)}`);
  }
  passed += 1;
  console.log(`ok: ${what}`);
}

async function api(path, init = {}, login = admin) {
  const headers = { Authorization: `Basic ${Buffer.from(login).toString('base64')}`, 'Content-Type': 'application/json', 'X-Disable-Provenance': 'true' };
  const body = init.body === undefined ? undefined : JSON.stringify(init.body);
  const response = await fetch(url + path, { ...init, body, headers });
  return { status: response.status, body: await response.json().catch(() => null) };
}

/** Starts Grafana under a subpath, with its data kept from start to start unless `data` is another folder. */
async function start(more, data = 'data', provisioning = 'none') {
  mkdirSync(join(work, data), { recursive: true });
  mkdirSync(join(work, 'none'), { recursive: true });
  mkdirSync(join(work, 'plugins'), { recursive: true });
  const log = openSync(join(out, 'grafana-provision.log'), 'a');
  server = spawn(join(home, 'bin/grafana'), ['server', '--homepath', home], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      GF_SERVER_HTTP_ADDR: '127.0.0.1', GF_SERVER_HTTP_PORT: String(port),
      GF_SERVER_ROOT_URL: `${url}/`, GF_SERVER_SERVE_FROM_SUB_PATH: 'true',
      GF_PATHS_DATA: join(work, data), GF_PATHS_LOGS: join(work, data, 'log'), GF_PATHS_PLUGINS: join(work, 'plugins'),
      GF_PATHS_PROVISIONING: join(work, provisioning),
      GF_PLUGINS_PREINSTALL_DISABLED: 'true', GF_ANALYTICS_REPORTING_ENABLED: 'false', GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false', GF_NEWS_NEWS_FEED_ENABLED: 'false', GF_SECURITY_ADMIN_PASSWORD: 'admin',
      ...more,
    },
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.ended = ended;
  for (let attempt = 0; attempt < 240; attempt += 1) {
    const health = await fetch(`${url}/api/health`).catch(() => null);
    if (health?.ok) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`Grafana does not start; see ${join(out, 'grafana-provision.log')}`);
}

async function stop() {
  if (server && server.exitCode === null) {
    server.kill();
    await server.ended;
  }
}

/** Runs `provision`; gives its code, its JSON report and its stderr. */
function provision(args, { key = admin, at = url, env = {} } = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PERF_') && name !== 'DUCKDB_PERF_PATH'));
  const run = spawnSync(executable, ['provision', '--format', 'json', ...args], {
    encoding: 'utf8',
    env: { ...clean, GRAFANA_URL: at, GRAFANA_API_KEY: key, NO_COLOR: '1', ...env },
  });
  const report = run.stdout === '' ? null : JSON.parse(run.stdout);
  const count = {};
  for (const object of report?.objects ?? []) {
    count[object.status] = (count[object.status] ?? 0) + 1;
  }
  return { code: run.status, report, count, error: run.stderr };
}

/** Whether all objects ended in one of these ways. */
const only = (run, ...ways) => Object.keys(run.count).length > 0 && Object.keys(run.count).every((way) => ways.includes(way));

const UNSIGNED = { GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS: 'duckdb-perf-datasource' };
const variables = { PERF_ALERT_EMAIL: 'perf@example.org', PERF_ALERT_SLACK_URL: 'http://127.0.0.1:9/hook', E2E_SECRET: 'one' };

// What is provisioned: what ships, and alerting in all its parts.
const from = join(work, 'from');
cpSync('provisioning', from, { recursive: true });
mkdirSync(join(from, 'alerting'), { recursive: true });
const route = "{receiver: e2e, object_matchers: [[e2e, =, \"yes\"], [a, '=~', b.*]], group_wait: 60s, repeat_interval: 7d}";
const policies = `policies:
  - receiver: grafana-default-email
    routes:
      - ${route}
`;
writeFileSync(
  join(from, 'alerting/e2e.yaml'),
  `apiVersion: 1
${policies}
templates:
  - {name: e2e_template, template: '{{ define "e2e" }}costs $5 {{ .Status }}{{ end }}'}
contactPoints:
  - name: e2e
    receivers:
      - {uid: e2e-mail, type: email, settings: {addresses: $PERF_ALERT_EMAIL, singleEmail: true}}
      - {uid: e2e-hook, type: webhook, settings: {url: 'http://127.0.0.1:9/', authorization_scheme: Bearer, authorization_credentials: 'a$$b-$E2E_SECRET'}}
groups:
  - name: e2e
    folder: Query performance
    interval: 10m
    rules:
      - uid: e2e-rule
        title: e2e rule
        condition: B
        for: 60m
        labels: {e2e: "yes"}
        annotations: {summary: 'costs $5 {{ $labels.pattern }}'}
        notification_settings: {receiver: e2e}
        data:
          - {refId: A, datasourceUid: duckdb-perf, relativeTimeRange: {from: 4838400, to: 0}, model: {rawSql: 'SELECT 1 AS one WHERE $__slowMs > 0', format: table}}
          - {refId: B, datasourceUid: __expr__, model: {type: threshold, expression: A, conditions: [{evaluator: {type: gt, params: [0]}}]}}
`
);
const all = ['--from', from, '--path', reports];

try {
  // Without the plugin, and with it but not allowed.
  await start({});
  let run = provision(all);
  check(run.code === 1 && run.report === null && run.error.includes('no plugin `duckdb-perf-datasource`') && run.error.includes('/var/lib/grafana/plugins'), 'a missing plugin is told', run.error);
  await stop();
  cpSync(plugin, join(work, 'plugins/duckdb-perf-datasource'), { recursive: true });
  await start({});
  run = provision(all);
  check(run.code === 1 && run.error.includes('duckdb-perf-datasource') && run.error.includes('allow_loading_unsigned_plugins'), 'an unsigned plugin that is not allowed is told', run.error);
  await stop();

  await start(UNSIGNED);
  run = provision(all, { key: 'admin:wrong' });
  check(run.code === 1 && run.error.includes('does not accept the credentials in `GRAFANA_API_KEY` (HTTP 401)'), 'wrong credentials are told', run.error);
  run = provision(all, { key: 'glsa_nothing' });
  check(run.code === 1 && run.error.includes('(HTTP 401)'), 'a wrong token is told', run.error);
  run = provision(all, { at: `${url}/nosuch` });
  check(run.code === 1 && run.error.includes("is not Grafana's API"), 'a wrong subpath is told', run.error);
  const tokens = {};
  for (const role of ['Viewer', 'Editor', 'Admin']) {
    const account = await api('/api/serviceaccounts', { method: 'POST', body: { name: `e2e ${role}`, role } });
    const token = await api(`/api/serviceaccounts/${account.body.id}/tokens`, { method: 'POST', body: { name: 'e2e' } });
    tokens[role] = token.body.key;
  }
  run = provision(all, { key: tokens.Viewer, env: variables });
  check(run.code === 1 && run.report === null && run.error.includes('`datasources:create`') && run.error.includes('role Admin'), 'a Viewer is refused', run.error);

  // Dry, then for good, then again.
  const before = JSON.stringify(await api('/api/v1/provisioning/policies'));
  run = provision([...all, '--dry-run'], { env: variables });
  check(run.code === 0 && only(run, 'created') && run.error.includes('dry run'), 'a dry run says what would be made', run);
  check((await api('/api/datasources')).body.length === 0 && (await api('/api/search')).body.length === 0, 'a dry run makes nothing');
  check(JSON.stringify(await api('/api/v1/provisioning/policies')) === before, 'a dry run leaves the policies');
  run = provision(all, { key: tokens.Admin, env: variables });
  check(run.code === 0 && only(run, 'created'), 'everything is made', run.report);
  const made = run.report.objects.length;
  check(run.report.objects.some((object) => object.notices?.some((notice) => notice.startsWith('its health check is good'))), 'the datasource is healthy', run.report);
  for (const again of [{ key: tokens.Admin, env: variables }, { env: variables }]) {
    run = provision(all, again);
    check(run.code === 0 && only(run, 'unchanged') && run.report.objects.length === made, 'the second time everything is as wanted', run.report);
  }
  run = provision(all);
  check(run.code === 0 && only(run, 'unchanged', 'skipped') && run.count.skipped > 0, 'contact points without their variables are left out and left alone', run.report);
  check(run.report.objects.filter((object) => object.status === 'skipped').every((object) => /`[A-Z0-9_]+` is not set/.test(object.why)), 'and the variable is named', run.report);
  run = provision([...all, '--only', 'dashboards'], { key: tokens.Editor });
  check(run.code === 0 && only(run, 'unchanged'), 'an Editor may provision the dashboards', run);
  check((await api('/api/datasources/uid/duckdb-perf')).body.jsonData.path === reports, 'the path is as given');
  const rule = (await api('/api/v1/provisioning/alert-rules/e2e-rule')).body;
  check(rule.for === '1h' && (rule.provenance ?? '') === '' && rule.annotations.summary.includes('$5') && rule.data[0].model.rawSql.includes('$__slowMs'), 'the rule is as written and may be edited', rule);
  check((await api('/api/v1/provisioning/folder/query-performance/rule-groups/e2e')).body.interval === 600, 'the group has its interval');
  const hook = (await api('/api/v1/provisioning/contact-points/export?decrypt=true&format=json')).body.contactPoints.flatMap((point) => point.receivers).find((receiver) => receiver.uid === 'e2e-hook');
  check(hook.settings.authorization_credentials === 'a$$b-one', 'the secret is as written (exports double the dollar)', hook);

  // What changed is brought back, and only that.
  run = provision(all, { env: { ...variables, E2E_SECRET: 'two' } });
  check(run.code === 0 && run.count.updated === 1 && run.report.objects.find((object) => object.status === 'updated').name === 'e2e (webhook)', 'a changed secret is sent', run.report);
  run = provision([...all, '--slow-ms', '250', '--setting', 'maxRows=7'], { env: { ...variables, E2E_SECRET: 'two' } });
  check(run.count.updated === 1 && (await api('/api/datasources/uid/duckdb-perf')).body.jsonData.slowMs === 250, 'a changed setting is sent', run.report);
  run = provision(all, { env: { ...variables, E2E_SECRET: 'two' } });
  const settings = (await api('/api/datasources/uid/duckdb-perf')).body.jsonData;
  check(run.count.updated === 1 && settings.slowMs === 100 && settings.maxRows === 7, 'what the files say comes back, what else was set stays', settings);
  const dashboard = (await api('/api/dashboards/uid/query-perf-overview')).body.dashboard;
  await api('/api/dashboards/db', { method: 'POST', body: { dashboard: { ...dashboard, title: 'Mine' }, folderUid: 'query-performance', overwrite: true } });
  await api('/api/v1/provisioning/alert-rules/e2e-rule', { method: 'PUT', body: { ...rule, isPaused: true, labels: { mine: 'yes' } } });
  run = provision(all, { env: { ...variables, E2E_SECRET: 'two' } });
  check(run.code === 0 && run.count.updated === 2, 'an edited dashboard and rule are brought back', run.report);
  check((await api('/api/v1/provisioning/alert-rules/e2e-rule')).body.isPaused === true, 'a paused rule stays paused');

  // What is not ours stays: beside ours, and when ours goes.
  const tree = (await api('/api/v1/provisioning/policies')).body;
  const theirs = { receiver: 'grafana-default-email', object_matchers: [['team', '=', 'db']], group_wait: '45s', routes: [{ object_matchers: [['x', '!~', 'y']], continue: true }] };
  await api('/api/v1/provisioning/policies', { method: 'PUT', body: { ...tree, provenance: undefined, routes: [theirs, ...tree.routes] } });
  await api('/api/v1/provisioning/contact-points', { method: 'POST', body: { uid: 'theirs', name: 'theirs', type: 'email', settings: { addresses: 'x@example.org' } } });
  await api('/api/dashboards/db', { method: 'POST', body: { dashboard: { uid: 'theirs', title: 'Theirs', panels: [] }, folderUid: 'query-performance' } });
  const extra = await api('/api/v1/provisioning/alert-rules', { method: 'POST', body: { ...rule, id: undefined, uid: 'their-rule', title: 'their rule', notification_settings: null } });
  check(extra.status === 201, 'a rule of someone else in our group', extra.body);
  await api('/api/datasources', { method: 'POST', body: { name: 'Theirs', uid: 'theirs', type: 'duckdb-perf-datasource', access: 'proxy', jsonData: { path: reports } } });
  run = provision(all, { env: { ...variables, E2E_SECRET: 'two' } });
  check(run.code === 0 && only(run, 'unchanged'), 'what others made beside it makes no difference', run.report);
  const kept = (await api('/api/v1/provisioning/policies')).body;
  run = provision([...all, '--delete', '--dry-run']);
  check(run.code === 0 && run.count.deleted > 5 && run.count.kept === 1, 'a dry removal says what would go', run.report);
  check(JSON.stringify((await api('/api/v1/provisioning/policies')).body) === JSON.stringify(kept), 'and removes nothing');
  run = provision([...all, '--delete']);
  check(run.code === 0 && only(run, 'deleted', 'kept') && run.count.kept === 1, 'everything of ours goes, without any variable', run.report);
  const after = (await api('/api/v1/provisioning/policies')).body;
  check(JSON.stringify(after.routes) === JSON.stringify(kept.routes.slice(0, 1)), "others' policies stay as they were", after);
  check((await api('/api/v1/provisioning/contact-points')).body.some((point) => point.uid === 'theirs'), "others' contact points stay");
  check((await api('/api/search?type=dash-db')).body.map((hit) => hit.uid).join() === 'theirs', "others' dashboards stay, in our folder too");
  check((await api('/api/v1/provisioning/alert-rules')).body.map((each) => each.uid).join() === 'their-rule', "others' rules stay, in our group too");
  check((await api('/api/datasources')).body.map((each) => each.uid).join() === 'theirs', "others' datasources stay");
  run = provision([...all, '--delete']);
  check(run.code === 0 && only(run, 'absent', 'kept'), 'a second removal finds nothing', run.report);
  await api('/api/dashboards/uid/theirs', { method: 'DELETE' });
  await api('/api/v1/provisioning/alert-rules/their-rule', { method: 'DELETE' });
  run = provision([...all, '--delete']);
  check(run.code === 0 && run.count.deleted === 1, 'the empty folder goes at last', run.report);

  // A datasource that somebody added by clicking is used as it is, and dashboards and rules ask it at Grafana's address.
  await api('/api/datasources/uid/theirs', { method: 'DELETE' });
  await api('/api/datasources', { method: 'POST', body: { name: 'Clicked', uid: 'clicked', type: 'motherduck-duckdb-datasource', access: 'proxy', jsonData: { path: reports, slowMs: 250 } } });
  run = provision(['--path', reports], { env: variables });
  check(run.code === 0 && run.report.objects.find(({ kind }) => kind === 'datasource').name === 'Clicked', 'the datasource that is there is used', run.report);
  check((await api('/api/datasources')).body.length === 1 && (await api('/api/datasources/uid/clicked')).body.jsonData.slowMs === 250, 'and keeps what was set');
  const clickedRule = (await api('/api/v1/provisioning/alert-rules/duckdb-perf-slow-pattern')).body;
  check(clickedRule.data[0].datasourceUid === 'clicked' && clickedRule.annotations.runbook_url.startsWith(`${url}/public/plugins/`), 'rules ask it, and link to their runbooks', clickedRule);
  const shared = (await api('/api/dashboards/uid/query-perf-public')).body.dashboard;
  check(shared.panels.every((panel) => !panel.datasource || panel.datasource.uid === 'clicked'), 'the dashboard to share asks it', shared.panels[0].datasource);
  run = provision(['--path', reports], { env: variables });
  check(run.code === 0 && only(run, 'unchanged'), 'the second time everything is as wanted', run.report);
  const overview = (await api('/api/dashboards/uid/query-perf-overview')).body.dashboard;
  await api('/api/dashboards/db', { method: 'POST', body: { dashboard: { ...overview, title: 'Mine' }, folderUid: 'query-performance', overwrite: true } });
  run = provision(['--path', reports, '--dry-run'], { env: variables });
  const mine = run.report.objects.find((object) => object.status === 'updated');
  check(run.count.updated === 1 && mine.changes.join() === '`title`: Mine → Query performance overview' && mine.notices[0].includes('saved by admin'), 'what a person changed is told before it is replaced', mine);
  run = provision(['--delete', '--uid', 'clicked'], { env: variables });
  check(run.code === 0 && run.report.objects.some((object) => object.kind === 'datasource' && object.status === 'kept'), 'and is not removed', run.report);
  await api('/api/datasources/uid/clicked', { method: 'DELETE' });

  // Names and uids that something else has.
  await api('/api/datasources', { method: 'POST', body: { name: 'DuckDB Perf', uid: 'other', type: 'prometheus', access: 'proxy', url: 'http://x' } });
  run = provision([...all, '--only', 'datasource']);
  check(run.code === 1 && run.report.objects[0].error.includes('the name `DuckDB Perf` is taken'), 'a taken name is told', run.report);
  await api('/api/datasources/uid/other', { method: 'DELETE' });
  await api('/api/datasources', { method: 'POST', body: { name: 'Other', uid: 'duckdb-perf', type: 'prometheus', access: 'proxy', url: 'http://x' } });
  run = provision([...all, '--only', 'datasource']);
  check(run.code === 1 && run.report.objects[0].error.includes('the uid `duckdb-perf` is taken'), 'a taken uid is told', run.report);
  run = provision([...all, '--only', 'datasource', '--delete']);
  check(run.code === 0 && run.count.kept === 1, 'and what has it is not removed', run.report);
  await api('/api/datasources/uid/duckdb-perf', { method: 'DELETE' });
  await api('/api/dashboards/db', { method: 'POST', body: { dashboard: { uid: 'query-perf-overview', title: 'Someone else', panels: [] } } });
  await api('/api/v1/provisioning/contact-points', { method: 'POST', body: { uid: 'not-ours', name: 'e2e', type: 'email', settings: { addresses: 'x@example.org' } } });
  run = provision(all, { env: variables });
  const failed = run.report.objects.filter((object) => object.status === 'failed').map((object) => object.error);
  check(run.code === 1 && failed.some((error) => error.includes('the uid `query-perf-overview` is taken: the dashboard `Someone else`')), 'a taken dashboard is told', failed);
  check(failed.some((error) => error.includes('the name `e2e` is taken')), 'a taken contact point is told', failed);
  await stop();

  // Everything from provisioning files already: the same is no difference, something else is refused with the reason.
  cpSync(from, join(work, 'files'), { recursive: true });
  for (const name of readdirSync(join(work, 'files/dashboards')).filter((name) => name.endsWith('.yaml'))) {
    const file = join(work, 'files/dashboards', name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('/etc/grafana/provisioning', join(work, 'files')));
  }
  // Files replace the whole tree of policies, so one of them has all; contact points are switched on by copying them.
  const points = join(work, 'files/contact_points');
  if (existsSync(points)) {
    cpSync(points, join(work, 'files/alerting'), { recursive: true });
    const file = join(work, 'files/alerting/e2e.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(policies, ''));
    const tree = join(work, 'files/alerting/policy.yaml');
    writeFileSync(tree, `${readFileSync(tree, 'utf8').trimEnd()}\n      - ${route}\n`);
  }
  await start({ ...UNSIGNED, ...variables, DUCKDB_PERF_PATH: reports }, 'data2', 'files');
  run = provision([...all, '--only', 'datasource,dashboards'], { env: variables });
  check(run.code === 0 && only(run, 'unchanged'), 'what came from files is as wanted', run.report);
  run = provision(['--from', from, '--slow-ms', '5', '--only', 'datasource']);
  check(run.code === 1 && run.report.objects[0].error.includes("comes from Grafana's provisioning files"), 'what came from files is not changed', run.report);
  run = provision([...all, '--only', 'alerts'], { env: variables });
  check(run.code === 0 && only(run, 'unchanged'), 'alerting from files is as wanted', run.report);
  run = provision([...all, '--delete'], { env: variables });
  check(run.code === 0 && run.count.kept > 5, 'and is not removed', run.report);
  await stop();
} finally {
  await stop();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, 0 failed`);
