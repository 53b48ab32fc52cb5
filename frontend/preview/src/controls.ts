import { Dashboard, Variable } from './dashboard';
import { h } from './dom';
import { ALL, Option, State } from './variables';

/** Values of a list that are shown at once. */
const SHOWN = 200;

/** The choice of the time range. */
export function rangeControl(dashboard: Dashboard, { from, to }: State, change: (range: Partial<State>) => void) {
  const quick = dashboard.timepicker?.quick_ranges ?? [];
  const isQuick = quick.some((range) => range.from === from && range.to === to);
  const ranges = isQuick ? quick : [{ display: `${from} to ${to}`, from, to }, ...quick];
  const options = ranges.map((one) => h('option', { selected: one.from === from && one.to === to }, one.display));
  const select = h('select', { 'aria-label': 'Time range' }, ...options) as HTMLSelectElement;
  select.addEventListener('change', () => change(ranges[select.selectedIndex]));
  return h('label.control', h('span', 'Time range'), select);
}

type Change = (values: string[]) => void;

/** The choice of a variable's values: a list with a box to search it. */
export function variableControl(variable: Variable, options: Option[], chosen: string[], change: Change) {
  const label = variable.label || variable.name;
  const type = variable.multi ? 'checkbox' : 'radio';
  const picked = new Set(chosen);
  const list = h('div.options', { role: 'group', 'aria-label': label });
  const summary = h('span.chosen');
  const search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': label }) as HTMLInputElement;
  const toggle = (value: string) => {
    const isPicked = picked.delete(value);
    if (!variable.multi || value === ALL) {
      picked.clear();
    }
    picked.delete(ALL);
    if (!isPicked || !variable.multi) {
      picked.add(value);
    }
    if (picked.size === 0 && variable.includeAll) {
      picked.add(ALL);
    }
    list.querySelectorAll('input').forEach((input) => (input.checked = picked.has(input.value)));
    summarize();
  };
  function summarize() {
    const [first] = picked;
    const text = options.find(({ value }) => value === first)?.text ?? first;
    summary.textContent = picked.has(ALL) ? 'All' : picked.size > 1 ? `${picked.size} chosen` : (text ?? 'None');
  }
  function fill() {
    const wanted = search.value.toLowerCase();
    const found = options.filter(({ text, value }) => `${text}\n${value}`.toLowerCase().includes(wanted));
    const all = variable.includeAll && !wanted ? [{ text: 'All', value: ALL }] : [];
    const rows = [...all, ...found.slice(0, SHOWN)].map(({ text, value }) => {
      const box = { type, value, checked: picked.has(value), onchange: () => toggle(value) };
      return h('label', { title: value === ALL ? undefined : value }, h('input', box), h('span', text));
    });
    const rest = found.length - SHOWN;
    const end = rest > 0 ? `${rest} more: type to find them` : found.length ? '' : 'No such value';
    list.replaceChildren(...rows, h('p', end));
  }
  fill();
  summarize();
  search.addEventListener('input', fill);
  const head = h('summary', { 'aria-label': label }, summary);
  const menu = h('div.menu', search, list);
  const details = h('details.picker', { 'data-variable': variable.name }, head, menu) as HTMLDetailsElement;
  // Opened by hand, because `toggle` comes later: the list would be seen outside the window first.
  head.addEventListener('click', (event) => {
    event.preventDefault();
    details.open = !details.open;
    menu.style.right = `${Math.min(0, details.getBoundingClientRect().right - menu.offsetWidth - 8)}px`;
    search.focus();
  });
  // What was ticked counts when the list is closed: each change asks every panel again.
  details.addEventListener('toggle', () => {
    const isSame = picked.size === chosen.length && chosen.every((value) => picked.has(value));
    return details.open || isSame || change([...picked]);
  });
  details.addEventListener('keydown', ({ key }) => key === 'Escape' && (details.open = false));
  document.addEventListener('pointerdown', ({ target }) => details.contains(target as Node) || (details.open = false));
  return h('div.control', { title: variable.description }, h('span', label), details);
}
