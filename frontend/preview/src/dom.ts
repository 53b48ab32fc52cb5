type Child = Node | string | null | undefined | false;
type Attributes = Record<string, unknown>;

/** An element, `tag.class`, with attributes, listeners (`onclick`) and children. Texts are only ever text. */
export function h(name: string, attributes: Attributes | Child = null, ...children: Child[]): HTMLElement {
  const isPlain = attributes && typeof attributes === 'object' && !(attributes instanceof Node);
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(isPlain ? attributes : {})) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value as EventListener);
    } else if (value !== undefined && value !== false) {
      element.setAttribute(key, value === true ? '' : String(value));
    }
  }
  const all = isPlain ? children : [attributes as Child, ...children];
  element.append(...all.filter((child): child is Node | string => child != null && child !== false));
  return element;
}

/** A text in which what stands between backticks is code. */
export const coded = (text: string) => text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? h('code', part) : part));

/** A coloured mark beside a name. */
export function swatch(color: string): HTMLElement {
  const mark = h('i.swatch', { 'aria-hidden': 'true' });
  mark.style.background = color;
  return mark;
}

const box = h('div.tooltip', { role: 'status' });
let owner: Element | null = null;

/** Shows a heading and rows at the pointer, or nothing. */
export function tooltip(event?: MouseEvent, heading = '', rows: HTMLElement[] = []) {
  if (!event || rows.length === 0) {
    return box.remove();
  }
  owner = event.currentTarget as Element;
  box.replaceChildren(h('strong', heading), h('table', ...rows));
  document.body.append(box);
  const { offsetWidth: width, offsetHeight: height } = box;
  const isFar = event.clientX + 16 + width > innerWidth;
  box.style.left = `${Math.max(4, isFar ? event.clientX - 16 - width : event.clientX + 16)}px`;
  box.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - height - 8))}px`;
}

/** Ends the tooltip of what is about to go. */
export const endTooltip = (within: Element) => within.contains(owner) && box.remove();
