import * as api from './api';
import { Card, problem } from './card';
import { rangeControl, variableControl } from './controls';
import { Dashboard, panelsOf } from './dashboard';
import { coded, h } from './dom';
import * as variables from './variables';

const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;
const [controls, banner, grid, footer] = [h('div.controls'), h('div.banner'), h('main.grid'), h('footer')];

class Page {
  private readonly variables: ReturnType<typeof variables.variablesOf>;
  private readonly cards: Card[];
  private state: variables.State;
  private pickers: HTMLElement[] = [];
  /** What the panels were asked with: of what is chosen, what there is. */
  private picked: variables.State['chosen'] = {};
  /** What is told of a variable's query, such as that there is no report, goes for the panels too: once is enough. */
  private told = new Set<string>();
  private running = new AbortController();

  constructor(private readonly dashboard: Dashboard) {
    this.variables = variables.variablesOf(dashboard);
    this.state = variables.readState(location.hash, dashboard);
    this.cards = panelsOf(dashboard).map((panel) => new Card(panel, (pattern) => this.choose('pattern', [pattern])));
    grid.replaceChildren(...this.cards.map(({ element }) => element));
    addEventListener('hashchange', () => this.changed());
    systemIsDark.addEventListener('change', () => this.changed());
  }

  private go(change: Partial<variables.State>) {
    location.hash = variables.writeState({ ...this.state, ...change });
  }

  private choose(name: string, values: string[]) {
    if (this.variables.some((variable) => variable.name === name)) {
      this.go({ chosen: { ...this.state.chosen, [name]: values } });
    }
  }

  private changed() {
    const before = this.state;
    this.state = variables.readState(location.hash, this.dashboard);
    setTheme(this.state.theme);
    if (variables.writeState({ ...before, theme: null }) !== variables.writeState({ ...this.state, theme: null })) {
      this.refresh();
    } else {
      this.cards.forEach((card) => card.draw());
      this.drawControls();
    }
  }

  /** Asks the variables, then the panels. */
  async refresh() {
    this.running.abort();
    const { signal } = (this.running = new AbortController());
    const values: Record<string, unknown> = {};
    const { from, to, chosen } = this.state;
    const ask = async ({ rawSql, format }: { rawSql?: string; format?: string | number }, maxDataPoints: number) => {
      const frame = await api.query({ rawSql, format, from, to, maxDataPoints, variables: values }, signal);
      return { ...frame, notices: frame.notices.filter(({ text }) => !this.told.has(text)) };
    };
    this.cards.forEach((card) => card.wait());
    [this.pickers, this.picked, this.told] = [[], {}, new Set()];
    try {
      for (const variable of this.variables) {
        const { name, hide } = variable;
        const rawSql = variables.sqlOf(variable);
        const frame = rawSql ? await ask({ rawSql }, 1000) : undefined;
        const options = frame ? variables.optionsOf(frame) : variables.fileOptions(variable);
        frame?.notices.forEach(({ text }) => this.told.add(text));
        const picked = (this.picked[name] = variables.choose(variable, chosen[name] ?? [], options));
        values[name] = variables.valueOf(variable, picked, options);
        if (hide !== 2 && options.length > 1) {
          this.pickers.push(variableControl(variable, options, picked, (values) => this.choose(name, values)));
        }
      }
      this.drawControls();
      await Promise.all(this.cards.map((card) => card.load(ask, signal)));
    } catch (error) {
      if (!signal.aborted) {
        this.drawControls();
        this.cards.forEach((card) => card.fail(error));
      }
    }
    if (!signal.aborted) {
      const { ok, message } = await api.health().catch(() => ({ ok: false, message: 'The server does not answer.' }));
      footer.className = ok ? '' : 'bad';
      footer.replaceChildren(...(ok || this.told.size === 0 ? coded(message) : []));
    }
  }

  private drawControls() {
    const state = { ...this.state, chosen: this.picked };
    const csv = this.dashboard.links?.find(({ url }) => url?.includes('/export.csv'));
    const href = variables.linkOf(csv?.url ?? '', state);
    const save = (event: Event) => {
      if (api.hasToken()) {
        event.preventDefault();
        api.download(href).catch((error) => banner.append(problem(error)));
      }
    };
    const link = csv && h('a.button', { href, download: true, onclick: save, title: csv.tooltip }, csv.title);
    const other = root.dataset.theme === 'dark' ? 'Light' : 'Dark';
    banner.replaceChildren(...[...this.told].map((text) => h('p.notice', { role: 'status' }, ...coded(text))));
    controls.replaceChildren(
      ...this.pickers,
      rangeControl(this.dashboard, this.state, (range) => this.go(range)),
      link ?? '',
      h('button.button', { onclick: () => this.refresh() }, 'Refresh'),
      h('button.button', { onclick: () => this.go({ theme: other.toLowerCase() }) }, other)
    );
  }
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
    await new Page(dashboard).refresh();
  } catch (error) {
    grid.replaceChildren(problem(error));
  }
}

main();
