import { ApiError } from './api';
import { Frame, Panel } from './dashboard';
import { h } from './dom';
import { shown } from './fields';
import { drawBars, drawStat, drawTable } from './others';
import { drawTimeSeries, Pick } from './timeseries';

/** An error for a person: what happened, and what to do next. */
export function problem(error: unknown): HTMLElement {
  const { message, hint } = error instanceof ApiError ? error : { message: String(error), hint: null };
  return h('div.problem', { role: 'alert' }, h('p', message), hint && h('p.hint', hint));
}

/** A panel on the page. */
export class Card {
  readonly body = h('div.body');
  readonly element: HTMLElement;
  private readonly notes = h('div.notes');
  private frames: Frame[] = [];
  private end = () => {};

  constructor(
    readonly panel: Panel,
    private readonly pick: Pick
  ) {
    const { id, title = 'Untitled', description, gridPos } = panel;
    const about =
      description && h('details.about', h('summary', { 'aria-label': `About ${title}` }, 'i'), h('p', description));
    const attributes = { 'data-panel': id, 'aria-label': title };
    this.element = h('section.card', attributes, h('header', h('h2', title), about || null), this.notes, this.body);
    this.element.style.gridArea = `${gridPos.y + 1} / ${gridPos.x + 1} / span ${gridPos.h} / span ${gridPos.w}`;
    this.element.style.setProperty('--rows', String(gridPos.h));
  }

  busy(is: boolean) {
    this.element.setAttribute('aria-busy', String(is));
  }

  show(frames: Frame[]) {
    this.frames = frames;
    const notices = frames.flatMap((frame) => frame.notices.map(({ text }) => text));
    if (frames.length > 1) {
      notices.push('This page draws the first query of a panel only');
    }
    this.notes.replaceChildren(...notices.map((text) => h('p.notice', { role: 'status' }, text)));
    this.draw();
  }

  draw() {
    const [frame] = this.frames;
    if (!frame) {
      return;
    }
    this.end();
    this.end = () => {};
    const fields = shown(frame, this.panel);
    if (!frame.fields.some((field) => field.values.length > 0)) {
      this.body.replaceChildren(h('p.empty', this.panel.fieldConfig?.defaults?.noValue ?? 'No data'));
    } else if (this.panel.type === 'timeseries') {
      this.end = drawTimeSeries(this.body, this.panel, fields, this.pick);
    } else if (this.panel.type === 'stat') {
      drawStat(this.body, this.panel, fields);
    } else if (this.panel.type === 'barchart') {
      drawBars(this.body, this.panel, fields, this.pick);
    } else {
      drawTable(this.body, this.panel, fields);
    }
  }

  fail(error: unknown) {
    this.show([]);
    this.end();
    this.end = () => {};
    this.body.replaceChildren(problem(error));
  }
}
