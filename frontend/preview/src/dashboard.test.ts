import fs from 'fs';
import path from 'path';
import { aboutOf, Dashboard, Field, Panel, panelsOf, Variable } from './dashboard';
import { coded } from './dom';
import { calculate, colorOf, shown } from './fields';
import { drawBars } from './others';
import {
  ALL,
  choose,
  fileOptions,
  linkOf,
  optionsOf,
  readState,
  sqlOf,
  valueOf,
  variablesOf,
  writeState,
} from './variables';

const file = path.join(__dirname, '../../../provisioning/dashboards/query_perf_overview.json');
const dashboard: Dashboard = JSON.parse(fs.readFileSync(file, 'utf8'));
const panel = (id: number) => panelsOf(dashboard).find((panel) => panel.id === id)!;
const number = (name: string, labels = {}, values: unknown[] = [1]): Field => ({
  name,
  type: 'number',
  labels,
  values,
});

/** The field with the name that the plugin gives it: its labels' values. */
const named = (displayNameFromDS: string, field: Field): Field => ({ ...field, config: { displayNameFromDS } });

test('the provisioned dashboard has its panels and its pattern', () => {
  expect(panelsOf(dashboard).length).toBeGreaterThanOrEqual(5);
  const pattern = variablesOf(dashboard).find(({ name }) => name === 'pattern')!;
  expect(sqlOf(pattern)).toContain('perf_weeks');
  expect(readState('', dashboard)).toMatchObject({ from: 'now-26w/w', to: 'now/w', theme: null });
});

test('names, colours and hidden fields come from the panel', () => {
  const volume = shown(
    {
      fields: [
        named('1 a … b a long b', number('samples', { line: '1', name: 'a … b', pattern: 'a long b' })),
        named('others other patterns', number('samples', { line: 'others', name: 'other patterns' })),
        named('week ISO week', number('samples', { line: 'week', name: 'ISO week' })),
      ],
      notices: [],
    },
    panel(4)
  );
  expect(volume.map(({ name, hidden }) => [name, hidden.viz === true])).toEqual([
    ['a … b', false],
    ['other patterns', false],
    ['ISO week', true],
  ]);
  expect(colorOf(volume[1].config, 1)).toBe('#8e8e8e');
  const top = shown({ fields: [number('p95_ms'), number('p50_ms')], notices: [] }, panel(3));
  expect(top.map(({ name, hidden }) => [name, hidden.viz === true])).toEqual([
    ['P95', false],
    ['P50', true],
  ]);
  expect([colorOf(top[0].config, 0, 99), colorOf(top[0].config, 0, 101)]).toEqual(['green', 'red']);
  const stat = shown({ fields: [number('n', { report: '2026-W48 ▲ 3 more' })], notices: [] }, panel(2));
  expect(colorOf(stat[0].config, 0)).toBe('red');
});

test('one spike makes the axis logarithmic', () => {
  const scaleOf = (scale: string) => {
    const field = named(`1 ${scale} a a`, number('p95_ms', { line: '1', scale, name: 'a', pattern: 'a' }));
    const [{ config }] = shown({ fields: [field], notices: [] }, panel(1));
    return [config.custom?.scaleDistribution, config.custom?.axisSoftMin];
  };
  expect(scaleOf('linear')).toEqual([{ type: 'linear' }, 0]);
  expect(scaleOf('log')).toEqual([{ type: 'symlog', log: 10, linearThreshold: 1 }, null]);
});

test('no colour of the palette is taken for the red of a threshold', () => {
  const style = fs.readFileSync(path.join(__dirname, 'style.css'), 'utf8');
  const themes = style.split(":root[data-theme='dark']").slice(0, 2);
  const rgb = (theme: string, name: string) => {
    const [digits] = new RegExp(`(?<=--${name}: #)[0-9a-f]{6}(?=;)`).exec(theme)!;
    return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
  };
  themes.forEach((theme) =>
    Array.from({ length: 12 }, (_none, at) => {
      const apart = rgb(theme, `c${at}`).map((channel, of) => Math.abs(channel - rgb(theme, 'red')[of]));
      expect([`c${at}`, apart.reduce((sum, one) => sum + one) > 60]).toEqual([`c${at}`, true]);
    })
  );
});

test('what a panel says of itself is true of this page', () => {
  const about = (description?: string) => aboutOf({ ...panel(1), description });
  expect(about('P95: red above 1.5 ms. A click opens it.')).toBe('P95: red above 1.5 ms.');
  expect(about('Marks: the worst weeks. So it is.')).toBe('So it is.');
  expect(about('Click a bar for more. The rest; really.')).toBe('The rest; really.');
  expect(about("Names end in #hash: click one for the pattern's own dashboard, 1.5 s. Next.")).toBe(
    'Names end in #hash. Next.'
  );
  expect(about("The pattern's own dashboard has more")).toBe('');
  expect(about(undefined)).toBe('');
  panelsOf(dashboard).forEach((one) => {
    expect(aboutOf(one)).toMatch(/^[A-Z].+\.$/s);
    expect(aboutOf(one)).not.toMatch(/click|dashboard/i);
  });
});

test('what stands between backticks is code', () => {
  const element = document.createElement('p');
  element.append(...coded('`a<b>` is `path`, ` is not'));
  expect(element.innerHTML).toBe('<code>a&lt;b&gt;</code> is <code>path</code>, ` is not');
});

test('an empty name can be seen', () => {
  const blank = number('p95_ms', { name: '', pattern: '' });
  expect(shown({ fields: [blank], notices: [] }, panel(1)).map(({ name }) => name)).toEqual(['(empty)']);
  const column = (name: string): Field => ({ name, type: 'string', values: ['  '] });
  const body = document.createElement('div');
  const fields = [column('name'), number('p95_ms'), number('is_slow'), column('pattern')];
  drawBars(body, panel(3), shown({ fields, notices: [] }, panel(3)), () => {});
  expect(body.querySelector('.name')!.textContent).toBe('(empty)');
  const values: Field = { name: '__value', type: 'string', values: [''] };
  expect(optionsOf({ fields: [values], notices: [] })).toEqual([{ value: '', text: '(empty)' }]);
});

test('bars take their colour from the field that the panel names, not from their length', () => {
  const text = (name: string, values: string[]): Field => ({ name, type: 'string', values });
  const p95 = number('p95_ms', {}, [300, 150, 50]);
  const fields = [
    text('name', ['a', 'b', 'c']),
    p95,
    number('is_slow', {}, [1, 0, 0]),
    text('pattern', ['a', 'b', 'c']),
  ];
  const body = document.createElement('div');
  const colors = (of: Panel) => {
    drawBars(body, of, shown({ fields, notices: [] }, of), () => {});
    return Array.from(body.querySelectorAll<HTMLElement>('.bar'), (bar) => bar.style.background);
  };
  expect(colors(panel(3))).toEqual(['red', 'green', 'green']);
  const { colorByField, ...options } = panel(3).options!;
  expect(colorByField).toBe('is_slow');
  expect(colors({ ...panel(3), options })).toEqual(['red', 'red', 'green']);
});

test('calculations skip what is missing', () => {
  const field = number('x', {}, [3, null, 5, null]);
  expect(['lastNotNull', 'max', 'sum'].map((calc) => calculate(calc, field).value)).toEqual([5, 5, 8]);
  expect(calculate('max', number('x', {}, [null])).value).toBeUndefined();
});

test('the address holds the whole state', () => {
  const state = { from: 'now-3w/w', to: 'now/w', theme: 'dark', chosen: { pattern: ["it's", 'a&b=c #%', '{a,b}'] } };
  const read = readState(writeState(state), { panels: [], templating: { list: [{ name: 'pattern', type: 'query' }] } });
  expect(read).toEqual(state);
});

test('the CSV link is the one of the dashboard', () => {
  const [csv] = dashboard.links!.filter(({ url }) => url?.includes('/export.csv'));
  const chosen = { pattern: ["it's", 'a&b=c #%'], agent: [ALL], week: ['newest'] };
  const [path, query] = linkOf(csv.url!, { from: 'now-3w/w', to: 'now/w', theme: 'dark', chosen }).split('?');
  expect(path).toBe('/api/export.csv');
  expect([...new URLSearchParams(query)]).toEqual([
    ['table', 'weeks'],
    ['from', 'now-3w/w'],
    ['to', 'now/w'],
    ['var-pattern', "it's"],
    ['var-pattern', 'a&b=c #%'],
    ['var-agent', ALL],
  ]);
});

test('values of variables', () => {
  const frame = {
    fields: [
      { name: '__text', type: 'string' as const, values: ['A', 'B', 'B again'] },
      { name: '__value', type: 'string' as const, values: ['a', 'b', 'b'] },
    ],
    notices: [],
  };
  const options = optionsOf(frame);
  expect(options.map(({ value }) => value)).toEqual(['a', 'b']);
  const multi: Variable = { name: 'v', type: 'query', multi: true, includeAll: true, allValue: ALL };
  expect(choose(multi, ['b', 'gone'], options)).toEqual(['b']);
  expect(choose(multi, ['gone'], options)).toEqual([ALL]);
  expect(choose({ name: 'v', type: 'query' }, ['gone'], options)).toEqual(['a']);
  expect(valueOf(multi, [ALL], options)).toBe(ALL);
  expect(valueOf({ ...multi, allValue: null }, [ALL], options)).toEqual(['a', 'b']);
  expect(valueOf(multi, ['a'], options)).toEqual(['a']);
  expect(valueOf({ name: 'v', type: 'query' }, ['a'], options)).toBe('a');
  expect(fileOptions({ name: 'v', type: 'custom', query: 'a, B : b' }).map(({ value }) => value)).toEqual(['a', 'b']);
});
