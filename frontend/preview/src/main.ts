import * as api from './api';
import { Card, problem } from './card';
import { rangeControl, variableControl } from './controls';
import { Dashboard, panelsOf, Variable } from './dashboard';
import { coded, h } from './dom';
import * as variables from './variables';

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;
const [controls, banner, grid, footer] = [h('div.controls'), h('div.banner'), h('main.grid'), h('footer')];

/** The page of a dashboard. Its controls stay for good: the pointer may be on one when what it shows changes. */
function pageOf(dashboard: Dashboard) {
  /** What the address says, which is ahead of `state` until the browser tells of its change. */
  const wanted = () => variables.readState(location.hash, dashboard);
  const all = variables.variablesOf(dashboard);
  let state = wanted();
  /** What there is to choose from, by variable, when it was last asked. */
  const options: Record<string, variables.Option[]> = {};
  /** What is told of a variable's query, such as that there is no report, goes for the panels too: once is enough. */
  let told = new Set<string>();
  let running = new AbortController();
  const go = (change: Partial<variables.State>) => (location.hash = variables.writeState({ ...wanted(), ...change }));
  const choose = (name: string, values: string[]) =>
    all.some((variable) => variable.name === name) && go({ chosen: { ...wanted().chosen, [name]: values } });
  /** Of what is chosen, what there is. */
  const picked = (variable: Variable) =>
    variables.choose(variable, state.chosen[variable.name] ?? [], options[variable.name] ?? []);
  const cards = panelsOf(dashboard).map((panel) => new Card(panel, (pattern) => choose('pattern', [pattern])));
  const pickers = all.map((variable) => variableControl(variable, (values) => choose(variable.name, values)));
  const range = rangeControl(dashboard, go);
  const link = dashboard.links?.find(({ url }) => url?.includes('/export.csv'));
  const onclick = (event: Event) => {
    if (api.hasToken()) {
      event.preventDefault();
      api.download(csv.getAttribute('href') ?? '').catch((error) => banner.append(problem(error)));
    }
  };
  const csv = h('a.button', { download: true, onclick, title: link?.tooltip }, link?.title);
  const again = h('button.button', { onclick: () => refresh() }, 'Refresh');
  const other = () => (root.dataset.theme === 'dark' ? 'Light' : 'Dark');
  const theme = h('button.button', { onclick: () => go({ theme: other().toLowerCase() }) });
  controls.replaceChildren(...pickers.map(({ element }) => element), range.element, link ? csv : '', again, theme);
  grid.replaceChildren(...cards.map(({ element }) => element));
  addEventListener('hashchange', changed);
  systemIsDark.addEventListener('change', changed);

  function drawControls() {
    const chosen = Object.fromEntries(all.map((variable) => [variable.name, picked(variable)]));
    all.forEach(({ name }, at) => pickers[at].update(options[name] ?? [], chosen[name]));
    range.update(state);
    csv.setAttribute('href', variables.linkOf(link?.url ?? '', { ...state, chosen }));
    theme.textContent = other();
    banner.replaceChildren(...[...told].map((text) => h('p.notice', { role: 'status' }, ...coded(text))));
  }

  function changed() {
    const before = state;
    state = wanted();
    setTheme(state.theme);
    drawControls();
    const isSame = variables.writeState({ ...before, theme: null }) === variables.writeState({ ...state, theme: null });
    return isSame ? cards.forEach((card) => card.draw()) : refresh();
  }

  /** Asks the variables, then the panels. */
  async function refresh() {
    running.abort();
    const { signal } = (running = new AbortController());
    const values: Record<string, unknown> = {};
    const { from, to } = state;
    const ask = async ({ rawSql, format }: { rawSql?: string; format?: string | number }, maxDataPoints: number) => {
      const frame = await api.query({ rawSql, format, from, to, maxDataPoints, variables: values }, signal);
      return { ...frame, notices: frame.notices.filter(({ text }) => !told.has(text)) };
    };
    cards.forEach((card) => card.wait());
    told = new Set();
    try {
      for (const variable of all) {
        const rawSql = variables.sqlOf(variable);
        const frame = rawSql ? await ask({ rawSql }, 1000) : undefined;
        frame?.notices.forEach(({ text }) => told.add(text));
        options[variable.name] = frame ? variables.optionsOf(frame) : variables.fileOptions(variable);
        values[variable.name] = variables.valueOf(variable, picked(variable), options[variable.name]);
      }
      drawControls();
      await Promise.all(cards.map((card) => card.load(ask, signal)));
    } catch (error) {
      drawControls();
      cards.forEach((card) => signal.aborted || card.fail(error));
    }
    const { ok, message } = await api.health(signal);
    if (!signal.aborted) {
      footer.className = ok ? '' : 'bad';
      footer.replaceChildren(...(ok || told.size === 0 ? coded(message) : []));
    }
  }
  return refresh;
}

const setTheme = (wanted: string | null) => (root.dataset.theme = wanted ?? (systemIsDark.matches ? 'dark' : 'light'));

async function main() {
  const title = h('h1', 'DuckDB Perf');
  setTheme(new URLSearchParams(location.hash.slice(1)).get('theme'));
  document.body.replaceChildren(h('header.top', title, controls), banner, grid, footer);
  try {
    const dashboard = await api.dashboard();
    title.textContent = document.title = dashboard.title ?? 'DuckDB Perf';
    title.title = dashboard.description ?? '';
    await pageOf(dashboard)();
  } catch (error) {
    grid.replaceChildren(problem(error));
  }
}

main();
