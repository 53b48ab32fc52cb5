// count.mjs FORMAT FILE: what a runner's report says, as `passed failed skipped` on the first line, and then what failed.
import { readFileSync } from 'node:fs';

const [format, file] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const plain = (xml) => xml.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[name]);

/** What each format says of every test: its name, how it ended, and what it said. */
const formats = {
  // cargo nextest
  junit: () =>
    text.split('<testcase ').slice(1).map((test) => ({
      name: plain(/name="([^"]*)"/.exec(test)[1]),
      end: /<(failure|error)\b/.test(test) ? 'failed' : /<skipped\b/.test(test) ? 'skipped' : 'passed',
      said: plain(/<(?:failure|error)[^>]*>([^]*?)<\//.exec(test)?.[1] ?? ''),
    })),
  // cargo test
  libtest: () =>
    [...text.matchAll(/^test (.*?) +\.\.\. (ok|FAILED|ignored)/gm)].map(([, name, end]) => ({
      name,
      end: { ok: 'passed', FAILED: 'failed', ignored: 'skipped' }[end],
      said: text.split(new RegExp(`^---- ${name}(?: stdout)? ----\\n`, 'm'))[1]?.split('\n\n')[0] ?? '',
    })),
  // jest --json
  jest: () =>
    JSON.parse(text).testResults.flatMap(({ name, status, message, assertionResults }) =>
      status === 'failed' && assertionResults.length === 0
        ? [{ name, end: 'failed', said: message }]
        : assertionResults.map((test) => ({
            name: test.fullName,
            end: { passed: 'passed', failed: 'failed' }[test.status] ?? 'skipped',
            said: test.failureMessages.join('\n'),
          }))
    ),
  // go test -json
  go: () => {
    const events = text.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    const said = (of) => events.filter(({ Test, Output }) => Output && Test === of).map(({ Output }) => Output).join('');
    const ends = { pass: 'passed', fail: 'failed', skip: 'skipped' };
    return events.filter(({ Test, Action }) => Test && ends[Action]).map(({ Test, Action }) => ({ name: Test, end: ends[Action], said: said(Test) }));
  },
  // https://testanything.org
  tap: () =>
    [...text.matchAll(/^(not )?ok - (.*?)( # SKIP.*)?$/gm)].map(([, not, name, skip]) => ({
      name,
      end: skip ? 'skipped' : not ? 'failed' : 'passed',
      said: '',
    })),
};

const tests = formats[format]();
console.log(['passed', 'failed', 'skipped'].map((end) => tests.filter((test) => test.end === end).length).join(' '));
for (const { name, said } of tests.filter(({ end }) => end === 'failed')) {
  console.log([name, ...said.trim().split('\n').slice(0, 40).map((line) => `  ${line}`)].join('\n'));
}
