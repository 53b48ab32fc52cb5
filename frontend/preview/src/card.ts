import { aboutOf, Frame, Panel } from './dashboard';
import { coded, endTooltip, h } from './dom';
import { shown, Shown } from './fields';
import { drawBars, drawStat, drawTable } from './others';
import { drawTimeSeries, Pick } from './timeseries';

/** An error for a person: what happened, and what to do next. */
export function problem(error: unknown): HTMLElement {
  const { message, hint } = error as { message: string; hint?: string };
  return h('div.problem', { role: 'alert' }, h('p', {}, ...coded(message)), hint && h('p.hint', {}, ...coded(hint)));
}

type Draw = (body: HTMLElement, panel: Panel, fields: Shown[], pick: Pick) => (() => void) | undefined | void;
const DRAW: Record<string, Draw> = { timeseries: drawTimeSeries, stat: drawStat, barchart: drawBars };

/** A panel on the page. */
export class Card {
  private readonly body = h('div.body');
  readonly element: HTMLElement;
  private readonly notes = h('div.notes');
  private frames: Frame[] = [];
  private end: (() => void) | undefined | void;

  constructor(
    private readonly panel: Panel,
    private readonly pick: Pick
  ) {
    const { id, title = 'Untitled', gridPos } = panel;
    const text = aboutOf(panel);
    const summary = h('summary', { 'aria-label': `About ${title}` }, 'i');
    const about = text && h('details.about', summary, h('p', {}, ...coded(text)));
    const attributes = { 'data-panel': id, 'aria-label': title };
    this.element = h('section.card', attributes, h('header', h('h2', title), about || null), this.notes, this.body);
    this.element.style.gridArea = `${gridPos.y + 1} / ${gridPos.x + 1} / span ${gridPos.h} / span ${gridPos.w}`;
    this.element.style.setProperty('--rows', String(gridPos.h));
  }

  wait() {
    this.element.setAttribute('aria-busy', 'true');
  }

  /** Asks the panel's queries and shows what comes. */
  async load(ask: (query: object, maxDataPoints: number) => Promise<Frame>, signal: AbortSignal) {
    const targets = this.panel.targets?.filter(({ rawSql, hide }) => rawSql && !hide) ?? [];
    try {
      this.show(await Promise.all(targets.map((target) => ask(target, Math.max(100, this.body.clientWidth)))));
    } catch (error) {
      return signal.aborted || this.fail(error);
    }
  }

  private show(frames: Frame[]) {
    this.frames = frames;
    const more = frames.length > 1 ? ['This page draws the first query of a panel only'] : [];
    const notices = [...frames.flatMap((frame) => frame.notices.map(({ text }) => text)), ...more];
    this.notes.replaceChildren(...notices.map((text) => h('p.notice', { role: 'status' }, ...coded(text))));
    this.draw();
    this.element.setAttribute('aria-busy', 'false');
  }

  draw() {
    endTooltip(this.body);
    this.end?.();
    this.end = undefined;
    const [frame] = this.frames;
    if (frame?.fields.some((field) => field.values.length > 0)) {
      this.end = (DRAW[this.panel.type] ?? drawTable)(this.body, this.panel, shown(frame, this.panel), this.pick);
    } else if (frame) {
      this.body.replaceChildren(h('p.empty', this.panel.fieldConfig?.defaults?.noValue ?? 'No data'));
    }
  }

  fail(error: unknown) {
    this.show([]);
    this.body.replaceChildren(problem(error));
  }
}
