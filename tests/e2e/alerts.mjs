// Alerts from end to end, in a Grafana of its own: a report with a slow pattern arrives, the rules fire, a mail server and a
// Slack-like webhook on this machine get the message with pattern and value; the report is repaired, and both hear that it is over.
// Then the reports go away, their folder too, and come back; and Grafana ends and comes back while a pattern is slow.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { join } from 'node:path';

import { api, check, done, eventually, started } from './grafana.mjs';

const reports = process.env.E2E_ALERT_REPORTS;
const work = process.env.E2E_WORK;
const binary = process.env.E2E_BINARY;

/** Has run.mjs do something with Grafana: `stop` or `start`. */
const has = (what) =>
  new Promise((resolve) => {
    process.once('message', resolve);
    process.send(what);
  });

/** Messages in the order in which they came: texts, decoded. */
const mails = [];
const slacks = [];

/** Understands what a client of SMTP says, and nothing else. */
function smtp(socket) {
  let buffer = '';
  let data = null;
  const say = (line) => socket.write(`${line}\r\n`);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    buffer += chunk.toString('latin1');
    for (let end = buffer.indexOf('\r\n'); end >= 0; end = buffer.indexOf('\r\n')) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      if (data) {
        if (line === '.') {
          mails.push(decode(data.join('\r\n')));
          data = null;
          say('250 taken');
        } else {
          data.push(line.startsWith('..') ? line.slice(1) : line);
        }
      } else if (/^(EHLO|HELO|MAIL|RCPT|RSET|NOOP)/i.test(line)) {
        say('250 go on');
      } else if (/^DATA/i.test(line)) {
        data = [];
        say('354 to a line with a dot');
      } else if (/^QUIT/i.test(line)) {
        say('221 bye');
        socket.end();
      } else {
        say('502 not known here');
      }
    }
  });
  say('220 e2e');
}

/** A message's text: quoted-printable and the subject's encoded words made plain. */
function decode(raw) {
  const bytes = (text) => Buffer.from(text.replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
  const subject = raw.replace(/=\?utf-8\?q\?(.*?)\?=/gi, (_, text) => bytes(text.replace(/_/g, ' ')));
  const unwrapped = subject.replace(/=\r\n/g, '');
  return bytes(unwrapped).replace(/&#39;/g, "'").replace(/&#43;/g, '+').replace(/&gt;/g, '>').replace(/&lt;/g, '<').replace(/&amp;/g, '&');
}

/** The ISO week of a time. */
function isoWeek(time) {
  const day = new Date(Math.floor(time / 86400000) * 86400000);
  day.setUTCDate(day.getUTCDate() + 4 - (day.getUTCDay() || 7));
  const first = Date.UTC(day.getUTCFullYear(), 0, 1);
  return day.getUTCFullYear() * 100 + Math.ceil(((day.getTime() - first) / 86400000 + 1) / 7);
}

const weekMs = 7 * 86400000;
const now = Date.now();
const newest = isoWeek(now);
const file = (week) => `query_perf_weekly_${week}.parquet`;
const make = (folder, weeks, until) =>
  execFileSync(binary, ['demo', '--no-queries', '--patterns', '1', '--weeks', String(weeks), '--until', String(until), '--out', join(work, folder)], { stdio: 'ignore' });

/** Puts a report where the datasource reads, in one step. */
function put(folder, week) {
  const aside = join(reports, '.coming');
  copyFileSync(join(work, folder, file(week)), aside);
  renameSync(aside, join(reports, file(week)));
}

// The demo's first pattern becomes slow five weeks before its newest report: this week is slow in one demo, and lies long before that in the other.
make('slow', 1, newest);
make('level', 1, isoWeek(now - weekMs));
make('fast', 14, isoWeek(now + 10 * weekMs));
mkdirSync(reports, { recursive: true });
for (const back of [3, 2, 1]) {
  put('fast', isoWeek(now - back * weekMs));
}
const mailServer = createTcp(smtp).listen(Number(process.env.E2E_SMTP_PORT), '127.0.0.1');
const slackServer = createHttp((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    slacks.push(body);
    response.end('ok');
  });
}).listen(Number(process.env.E2E_SLACK_PORT), '127.0.0.1');

try {
  await started();
  const rules = async () => {
    const answer = await api('/api/prometheus/grafana/api/v1/rules');
    const all = (answer.body?.data?.groups ?? []).flatMap((group) => group.rules);
    return new Map(all.map((rule) => [rule.uid, rule]));
  };
  const quiet = await eventually('all four rules are evaluated', async () => {
    const all = await rules();
    return all.size === 4 && [...all.values()].every((rule) => !rule.lastEvaluation.startsWith('0001')) && all;
  });
  for (const [uid, rule] of quiet) {
    check(rule.state === 'inactive' && rule.health !== 'error', `${uid} is quiet before the report (${rule.state}, ${rule.health}) ${rule.lastError ?? ''}`);
    const { summary, description, runbook_url: runbook } = rule.annotations;
    check(![summary, description, runbook].some((text) => text.includes('{{')), `and reads well in a list: ${summary}`);
    // Grafana's pages have its own address as their base.
    check((await api(`/${runbook}`)).text.startsWith('# Runbook'), `and its runbook is there: ${runbook}`);
  }

  put('slow', newest);
  console.log(`    the report of ${newest} has arrived`);
  const both = (uid) => rules().then((all) => all.get(uid)?.state === 'firing');
  for (const uid of ['duckdb-perf-slow-pattern', 'duckdb-perf-regression', 'duckdb-perf-more-slow-patterns']) {
    await eventually(`${uid} fires`, () => both(uid));
    check(true, `${uid} fires`);
  }
  const isSlow = (text) => text.includes('firing') && text.includes('P95 of SELECT * FROM orders WHERE customer_id = ?') && /is \d+\.\d ms, above 100 ms/.test(text);
  const labels = (await rules()).get('duckdb-perf-slow-pattern').alerts.map((alert) => Object.keys(alert.labels).sort().join(' '));
  check(labels.every((keys) => !/\bname\b/.test(keys) && /\bpattern\b/.test(keys)), `its labels have the pattern once: ${labels[0]}`);
  const mail = await eventually('the mail has come', () => mails.find(isSlow));
  const slack = await eventually('the Slack message has come', () => slacks.find(isSlow));
  const week = `${Math.floor(newest / 100)}-W${String(newest % 100).padStart(2, '0')}`;
  check(mail.includes(week) && slack.includes(week), `mail and Slack have pattern, value and week ${week}`);
  const text = JSON.parse(slack).attachments[0].text;
  console.log(text.replace(/^/gm, '    '));
  const links = [...text.matchAll(/<([^|>]+)\|(\w+)>/g)].map(([, link, name]) => [name, link]);
  const look = new URL(new Map(links).get('look'));
  check(
    look.pathname === '/d/query-perf-pattern' && look.searchParams.get('var-pattern') === 'SELECT * FROM orders WHERE customer_id = ? ORDER BY created_at DESC LIMIT ?',
    'its link leads to the dashboard of the pattern'
  );
  const runbook = new URL(new Map(links).get('runbook'));
  const page = await api(runbook.pathname);
  check(page.status === 200 && page.text.startsWith('# Runbook: P95 above the threshold'), `the runbook is served by Grafana: ${runbook.pathname}`);
  const regression = await eventually('the regression has come', () => slacks.find((one) => /grew by \d+%, from \d+\.\d to \d+\.\d ms/.test(one)));
  check(regression, 'the regression says from where to where');
  check(await eventually('the count has come', () => slacks.find((one) => /Slow patterns: 1, 1 more than in the report before/.test(one))), 'more slow patterns says how many');

  put('level', isoWeek(now - weekMs));
  console.log('    the report before was as slow');
  const grewNoMore = (one) => /Resolved: P95 of SELECT .* grew by .* – as last seen; in the newest report it did not grow by 5 ms again, or is not there/.test(one);
  check(await eventually('the mail that it does not grow', () => mails.find(grewNoMore), 120), 'the mail says that it did not grow again');
  check(await eventually('the Slack message that it does not grow', () => slacks.find(grewNoMore), 120), 'Slack says that it did not grow again');
  check((await rules()).get('duckdb-perf-slow-pattern').state === 'firing', 'the pattern is still slow');

  put('fast', newest);
  put('fast', isoWeek(now - weekMs));
  console.log('    the report is repaired');
  const isOver = (one) => one.includes('resolved') && /Resolved: P95 of SELECT \* FROM orders.* is \d+\.\d ms, not above 100 ms/.test(one);
  check(await eventually('the mail that it is over', () => mails.find(isOver), 120), 'the mail says that it is resolved');
  check(await eventually('the Slack message that it is over', () => slacks.find(isOver), 120), 'Slack says that it is resolved');
  await eventually('no rule fires any more', async () => [...(await rules()).values()].every((rule) => rule.state === 'inactive'), 120);
  check(true, 'no rule fires any more');

  const seen = { mails: mails.length, slacks: slacks.length };
  const later = (what) => ({ mail: mails.slice(seen.mails).find(what), slack: slacks.slice(seen.slacks).find(what) });
  const heard = async (what, says) => {
    const found = await eventually(what, () => Object.values(later(says)).every(Boolean) && later(says), 120);
    check(true, what);
    return found;
  };
  put('slow', newest);
  // What nobody heard of firing, nobody would hear of ending.
  await heard('mail and Slack say that the pattern is slow once more', isSlow);
  rmSync(reports, { recursive: true });
  mkdirSync(reports);
  console.log('    there is no report any more');
  await heard('mail and Slack say that a pattern is not in the newest report any more', (one) => /Resolved: P95 of SELECT .* – as last seen; it is not among the 50 slowest patterns of the newest report any more/.test(one));
  await heard('mail and Slack say that there is no report', (one) => one.includes('firing') && one.includes('There is no weekly report at all'));
  for (const back of [3, 2, 1]) {
    put('fast', isoWeek(now - back * weekMs));
  }
  console.log('    the reports are back');
  const isFresh = (one) => /Resolved: The newest weekly report is there: its week ended \d\.\d days ago/.test(one);
  await heard('mail and Slack say that the newest report is there', isFresh);
  renameSync(reports, `${reports}.away`);
  console.log('    the folder is gone');
  const broken = await heard('mail and Slack say that reports cannot be read', (one) => one.includes('firing') && one.includes('DatasourceError') && one.includes('The weekly reports cannot be read'));
  console.log(broken.mail.slice(broken.mail.indexOf('The weekly reports')).split('\r\n').slice(0, 8).join('\n').replace(/^/gm, '    '));
  check(broken.mail.includes('Error: ') && broken.mail.includes(reports.split('/').at(-1)), 'and why');
  renameSync(`${reports}.away`, reports);
  for (const back of [3, 2, 1]) {
    put('fast', isoWeek(now - back * weekMs));
  }
  console.log('    folder and reports are back');
  await heard('mail and Slack say that the query works again', (one) => one.includes('Resolved: The weekly reports cannot be read – the query works again'));
  seen.mails = mails.length;
  seen.slacks = slacks.length;
  put('slow', newest);
  await heard('mail and Slack say that the pattern is slow again', isSlow);
  await has('stop');
  rmSync(reports, { recursive: true });
  mkdirSync(reports);
  await has('start');
  await started();
  console.log('    Grafana was away while the reports went');
  // Grafana has forgotten what the alert said, and gives the rule's templates instead.
  const away = await heard('mail and Slack say that it ended meanwhile', (one) => /Resolved: (P95 above|P95 of SELECT \* FROM orders)/.test(one));
  console.log(JSON.parse(away.slack).attachments[0].text.replace(/^/gm, '    '));
  check([...mails, ...slacks].every((one) => !/\{\{|<no value>|%!/.test(one)), 'no message shows a template instead of its text');
} catch (error) {
  const text = (body) => JSON.parse(body).attachments.map(({ title, text }) => `${title}\n${text}`).join('\n');
  console.log(`mails: ${mails.length}, slacks: ${slacks.length}, the last of them:\n${slacks.slice(-5).map(text).join('\n')}`);
  const rules = (await api('/api/prometheus/grafana/api/v1/rules')).body?.data?.groups.flatMap((group) => group.rules) ?? [];
  for (const { uid, state, health, lastError, alerts } of rules) {
    console.log(`${uid}: ${state}, ${health} ${lastError ?? ''} ${(alerts ?? []).map((alert) => alert.state).join(', ')}`);
  }
  throw error;
} finally {
  mailServer.close();
  slackServer.closeAllConnections();
  slackServer.close();
}
done();
process.exit(0);
