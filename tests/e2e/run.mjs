// The plugin in a real Grafana: GRAFANA_URL of a running one that has the plugin and its provisioning, or GRAFANA_HOME of an
// unpacked one, which is started here with everything it needs. Neither: skipped, and said so. E2E_PARTS are those of the parts
// below that are wanted; E2E_SCRIPT is another script, which gets the arguments; E2E_DEMO are options of the demo whose reports
// they see.
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
const { env } = process;
const PLUGIN = 'dist/duckdb-perf-datasource';
const out = (env.E2E_OUT ||= 'target/e2e');
const port = Number(env.E2E_PORT || 3199);

/** The first of these programs on the PATH. */
const program = (...names) => names.flatMap((name) => env.PATH.split(delimiter).map((folder) => join(folder, name))).find(existsSync);
const run = (command, args, options) => execFileSync(command, args, { stdio: 'pipe', ...options });

if (!env.GRAFANA_URL && !env.GRAFANA_HOME) {
  console.log('e2e: skipped; set GRAFANA_URL to a running Grafana or GRAFANA_HOME to an unpacked one');
  process.exit(0);
}
env.CHROMIUM = program('chromium', 'chromium-browser', 'google-chrome') ?? '';
if (!env.CHROMIUM) {
  console.error('error: no Chromium found; on Debian: apt-get install chromium');
  process.exit(1);
}
mkdirSync(out, { recursive: true });
run('npm', ['--prefix', 'tests/e2e', 'ci', '--no-audit', '--no-fund', '--silent']);

// What is started here ends with this, whatever ends it.
const isOwn = !env.GRAFANA_URL;
const work = isOwn && mkdtempSync(join(tmpdir(), 'e2e-'));
const at = (...path) => join(work, ...path);
const servers = new Set();
process.on('exit', () => {
  servers.forEach((server) => server.kill());
  if (work) {
    rmSync(work, { recursive: true, force: true, maxRetries: 10 });
  }
});
['SIGINT', 'SIGTERM'].forEach((signal) => process.on(signal, () => process.exit(1)));

function serve(command, args, log, more = {}) {
  const file = openSync(join(out, log), 'w');
  const server = spawn(command, args, { stdio: ['ignore', file, file], env: { ...env, ...more } });
  servers.add(server);
  server.once('exit', () => servers.delete(server));
  return server;
}

let grafana;
/** A Grafana over a folder of reports, with a data folder of its own; the one before it has ended. */
async function start(reports, data, log, provisioning = 'provisioning', more = {}) {
  await stop();
  mkdirSync(reports, { recursive: true });
  mkdirSync(at(data), { recursive: true });
  grafana = serve(join(env.GRAFANA_HOME, 'bin/grafana'), ['server', '--homepath', env.GRAFANA_HOME], log, {
    DUCKDB_PERF_PATH: reports,
    GF_SERVER_HTTP_ADDR: '127.0.0.1', GF_SERVER_HTTP_PORT: String(port), GF_SERVER_ROOT_URL: `${env.GRAFANA_URL}/`,
    GF_PATHS_DATA: at(data), GF_PATHS_LOGS: at(data, 'log'), GF_PATHS_PLUGINS: at('plugins'), GF_PATHS_PROVISIONING: at(provisioning),
    GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS: 'duckdb-perf-datasource', GF_PLUGINS_PREINSTALL_DISABLED: 'true',
    GF_ANALYTICS_REPORTING_ENABLED: 'false', GF_ANALYTICS_CHECK_FOR_UPDATES: 'false', GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
    GF_NEWS_NEWS_FEED_ENABLED: 'false', GF_SECURITY_ADMIN_PASSWORD: 'admin', ...more,
  });
}

async function stop() {
  if (servers.has(grafana)) {
    grafana.kill();
    await once(grafana, 'exit');
  }
}

/** Runs one of the scripts; fails when it does. What it sends is answered by `asked`. */
async function script(name, args = [], more = {}, asked = {}) {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), args, { env: { ...env, ...more } });
  child.on('message', async (message) => {
    await asked[message]();
    child.send('done');
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    process.exit(code ?? 1);
  }
}

function edit(folder, replace) {
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    writeFileSync(join(folder, name), replace(readFileSync(join(folder, name), 'utf8')));
  }
}

let binary;
const demo = (folder, ...options) => run(binary, ['demo', '--no-queries', ...options, '--out', at(folder)]);

/** What Grafana finds: the plugin, what ships as provisioning, and datasources beside it. */
function prepare() {
  if (!existsSync(PLUGIN)) {
    run('npx', ['--yes', 'rust-just', 'build'], { stdio: 'inherit' });
  }
  cpSync(PLUGIN, at('plugins/duckdb-perf-datasource'), { recursive: true });
  cpSync('provisioning', at('provisioning'), { recursive: true });
  edit(at('provisioning/dashboards'), (text) => text.replaceAll('/etc/grafana/provisioning', at('provisioning')));
  const plugin = at('plugins/duckdb-perf-datasource');
  binary = join(plugin, readdirSync(plugin).find((name) => name.startsWith('gpx_duckdb_perf_linux_')));
  demo('reports', ...(env.E2E_DEMO ?? '').split(' ').filter(Boolean));
  demo('one', '--weeks', '1');
  demo('year', '--weeks', '5', '--until', '2027-W02');
  mkdirSync(at('none'));
  run(binary, ['views', at('perf.duckdb'), '--path', at('reports')]);
  cpSync('tests/e2e/other.yaml', at('provisioning/datasources/other.yaml'));
  Object.assign(env, { GRAFANA_URL: `http://127.0.0.1:${port}`, E2E_OWN: '1', E2E_OTHER: 'e2e-other', E2E_WORK: work, DUCKDB_PERF_PATH: at('reports') });
}

/** The dashboard of the plugin's health wants a Prometheus; without one it is left out, and said so. */
function prometheus() {
  const command = program('prometheus');
  if (!command) {
    return;
  }
  const own = `127.0.0.1:${env.E2E_PROMETHEUS_PORT || 3196}`;
  // The rules that docs/monitoring.md proposes, which it must take.
  const blocks = readFileSync('docs/monitoring.md', 'utf8').matchAll(/^```yaml\n(groups:[^]*?)^```/gm);
  writeFileSync(at('rules.yaml'), [...blocks].map(([, text]) => text).join(''));
  writeFileSync(
    at('prometheus.yaml'),
    `rule_files: [rules.yaml]
global: {scrape_interval: 2s}
scrape_configs:
  - {job_name: duckdb-perf, metrics_path: /metrics/plugins/duckdb-perf-datasource, static_configs: [{targets: ["127.0.0.1:${port}"]}]}
`
  );
  writeFileSync(
    at('provisioning/datasources/prometheus.yaml'),
    `apiVersion: 1
datasources:
  - {name: Prometheus, uid: e2e-prometheus, type: prometheus, access: proxy, url: "http://${own}", jsonData: {timeInterval: 2s}}
`
  );
  serve(command, [`--config.file=${at('prometheus.yaml')}`, `--storage.tsdb.path=${at('prometheus')}`, `--web.listen-address=${own}`], 'prometheus.log');
  env.E2E_PROMETHEUS = 'e2e-prometheus';
}

/** The document's datasource, alone and so the default one, in a Grafana that has nothing else. */
async function documentPart() {
  demo('repository/g/reports', '--until', '2025-W45', '--weeks', '20');
  try {
    const pip = ['python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--timeout', '60'];
    run('tests/retry.sh', [...pip, '--target', at('python'), 'duckdb==1.4.0']);
  } catch {
    console.log('document: skipped; duckdb 1.4.0 cannot be installed from PyPI');
    return;
  }
  run('python3', ['tests/document/make.py', at('repository')], { env: { ...env, PYTHONPATH: at('python') } });
  mkdirSync(at('document-provisioning/datasources'), { recursive: true });
  const datasource = readFileSync('tests/document/datasource.yaml', 'utf8').replaceAll('/repository', at('repository'));
  writeFileSync(at('document-provisioning/datasources/document.yaml'), datasource);
  await start(at('repository/g/reports'), 'document-data', 'grafana-document.log', 'document-provisioning');
  await script('document.mjs', [], { E2E_DOCUMENT: 'query-perf' });
}

/** Alerts need contact points that lead here, and rules that are looked at more often than every five minutes. */
async function alerts() {
  const [smtp, slack] = [env.E2E_SMTP_PORT || 3198, env.E2E_SLACK_PORT || 3197];
  const folder = at('provisioning/alerting');
  cpSync('provisioning/contact_points', folder, { recursive: true });
  edit(folder, (text) =>
    text.replace(/interval: 5m/g, 'interval: 10s').replace(/group_wait: .*/g, 'group_wait: 1s').replace(/group_interval: .*/g, 'group_interval: 5s')
  );
  const again = (log) =>
    start(at('alert-reports'), 'alert-data', log, 'provisioning', {
      PERF_ALERT_EMAIL: 'perf@example.org', PERF_ALERT_SLACK_URL: `http://127.0.0.1:${slack}/services/e2e`,
      GF_SMTP_ENABLED: 'true', GF_SMTP_HOST: `127.0.0.1:${smtp}`, GF_SMTP_FROM_ADDRESS: 'grafana@example.org',
    });
  await again('grafana-alerts.log');
  const its = { E2E_SMTP_PORT: smtp, E2E_SLACK_PORT: slack, E2E_ALERT_REPORTS: at('alert-reports'), E2E_BINARY: binary };
  await script('alerts.mjs', [], its, { stop, start: () => again('grafana-alerts-again.log') });
}

/** Each part; the last three are in a Grafana of their own. */
const PARTS = {
  e2e: () => script('e2e.mjs'),
  dashboards: () => script('dashboards.mjs'),
  provision: () => script('provision.mjs', [PLUGIN, at('reports')], { E2E_PROVISION_PORT: env.E2E_PROVISION_PORT || port + 1 }),
  document: documentPart,
  alerts,
};
const wanted = Object.keys(PARTS).filter((part) => !env.E2E_PARTS || env.E2E_PARTS.split(' ').includes(part));

if (isOwn) {
  prepare();
  prometheus();
  if (env.E2E_SCRIPT || wanted.some((part) => part === 'e2e' || part === 'dashboards')) {
    await start(at('reports'), 'data', 'grafana.log');
  }
}
if (env.E2E_SCRIPT) {
  await script(env.E2E_SCRIPT, process.argv.slice(2));
} else {
  for (const part of wanted) {
    if (isOwn || part === 'e2e' || part === 'dashboards') {
      await PARTS[part]();
    } else {
      console.log(`${part}: skipped; it needs a Grafana of its own: set GRAFANA_HOME`);
    }
  }
}
await stop();
process.exit(0);
