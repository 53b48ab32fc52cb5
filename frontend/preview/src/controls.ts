import { Dashboard, Variable } from './dashboard';
import { h } from './dom';
import { ALL, Option, State } from './variables';

/** Values of a list that are shown at once. */
const SHOWN = 200;

/** The choice of the time range. */
export function rangeControl({ timepicker }: Dashboard, change: (range: Partial<State>) => void) {
  const quick = timepicker?.quick_ranges ?? [];
  let ranges = quick;
  const onchange = () => change(ranges[select.selectedIndex]);
  const select = h('select', { 'aria-label': 'Time range', onchange }) as HTMLSelectElement;
  function update({ from, to }: State) {
    const isNow = (range: { from: string; to: string }) => range.from === from && range.to === to;
    ranges = quick.some(isNow) ? quick : [{ display: `${from} to ${to}`, from, to }, ...quick];
    select.replaceChildren(...ranges.map((one) => h('option', { selected: isNow(one) }, one.display)));
  }
  return { element: h('label.control', h('span', 'Time range'), select), update };
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
const opened = () => document.querySelectorAll<HTMLDetailsElement>('.picker[open]');
const place = (picker: HTMLElement) => {
  const menu = picker.lastElementChild as HTMLElement;
  menu.style.right = `${Math.min(0, picker.getBoundingClientRect().right - menu.offsetWidth - 8)}px`;
};
addEventListener('resize', () => opened().forEach(place));
addEventListener('pointerdown', ({ target }) =>
  opened().forEach((picker) => picker.contains(target as Node) || (picker.open = false))
);

/** The choice of a variable's values: a list with a box to search it. */
export function variableControl(variable: Variable, change: (values: string[]) => void) {
  let [options, chosen, picked]: [Option[], string[], Set<string>] = [[], [], new Set()];
  const label = variable.label || variable.name;
  const list = h('div.options', { role: 'group', 'aria-label': label });
  const summary = h('span.chosen');
  const search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': label }) as HTMLInputElement;
  const toggle = (value: string) => {
    const isAlone = !variable.multi || value === ALL;
    const others = isAlone ? [] : [...picked].filter((one) => one !== value && one !== ALL);
    const now = variable.multi && picked.has(value) ? others : [...others, value];
    picked = new Set(now.length === 0 && variable.includeAll ? [ALL] : now);
    mark();
  };
  function mark() {
    list.querySelectorAll('input').forEach((input) => (input.checked = picked.has(input.value)));
    const [first] = picked;
    const text = options.find(({ value }) => value === first)?.text ?? first;
    summary.textContent = picked.has(ALL) ? 'All' : picked.size > 1 ? `${picked.size} chosen` : (text ?? 'None');
  }
  function fill() {
    const wanted = search.value.toLowerCase();
    const found = options.filter(({ text, value }) => `${text}\n${value}`.toLowerCase().includes(wanted));
    const all = variable.includeAll && !wanted ? [{ text: 'All', value: ALL }] : [];
    const rows = [...all, ...found.slice(0, SHOWN)].map(({ text, value }) => {
      const box = { type: variable.multi ? 'checkbox' : 'radio', value, onchange: () => toggle(value) };
      return h('label', { title: value === ALL ? undefined : value }, h('input', box), h('span', text));
    });
    const rest = found.length - SHOWN;
    const end = rest > 0 ? `${rest} more: type to find them` : found.length ? '' : 'No such value';
    list.replaceChildren(...rows, h('p', end));
    mark();
  }
  search.addEventListener('input', fill);
  const head = h('summary', { 'aria-label': label }, summary);
  const menu = h('div.menu', search, list);
  const details = h('details.picker', { 'data-variable': variable.name }, head, menu) as HTMLDetailsElement;
  // Opened by hand, because `toggle` comes later: the list would be seen outside the window first.
  head.addEventListener('click', (event) => {
    event.preventDefault();
    details.open = !details.open;
    place(details);
    search.focus();
  });
  // What was ticked counts when the list is closed: each change asks every panel again.
  details.addEventListener('toggle', () => {
    const isChosen = picked.size === chosen.length && chosen.every((value) => picked.has(value));
    return details.open || isChosen || change([...picked]);
  });
  details.addEventListener('keydown', ({ key }) => key === 'Escape' && (details.open = false));
  const element = h('div.control', { title: variable.description, hidden: true }, h('span', label), details);
  function update(all: Option[], now: string[]) {
    // What is ticked meanwhile stays, unless something else was chosen.
    picked = isSame(now, chosen) ? picked : new Set(now);
    chosen = now;
    element.hidden = variable.hide === 2 || all.length < 2;
    mark();
    if (!element.hidden && !isSame(all, options)) {
      options = all;
      fill();
    }
  }
  return { element, update };
}
