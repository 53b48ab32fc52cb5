// What the tests in the browser share: the browser, servers, and checks that are printed.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium } = createRequire(new URL('../e2e/package.json', import.meta.url))('playwright-core');
const { CHROMIUM, EXECUTABLE } = process.env;
/** Where `run.sh` has put reports. */
export const { WORK } = process.env;

/** Starts Chromium. */
export const launch = (...more) =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', ...more] });

/** Prints a line of TAP; a failure ends the test. */
export function check(condition, what) {
  if (!condition) {
    console.log(`not ok - ${what}`);
    throw new Error(what);
  }
  console.log(`ok - ${what}`);
}

const servers = [];
/** Ends all servers. */
export const end = () => servers.forEach((server) => server.kill());
// Whatever ends this: a server that stays would hold the output open.
process.on('exit', end);
process.once('SIGTERM', () => process.exit(1));

/** Starts a server; resolves to its address. */
export function serve(folder, env = {}, more = []) {
  const server = spawn(EXECUTABLE, ['serve', '--port', '0', '--path', join(WORK, folder), ...more], {
    env: { ...process.env, DUCKDB_PERF_TOKEN: '', ...env, ...(env.DUCKDB_PERF_TOKEN ? {} : { DUCKDB_PERF_TOKEN: undefined }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  return new Promise((done, failed) => {
    server.stdout.once('data', (line) => done(String(line).trim()));
    server.once('exit', () => failed(new Error('the server ended')));
  });
}
