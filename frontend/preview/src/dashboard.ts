/** What the page reads of a Grafana dashboard (classic JSON) and of data frames. */

import type { FieldConfig as Config, FieldType, QueryResultMetaNotice } from '@grafana/data';

/** Stands for a name that is empty. */
export const EMPTY = '(empty)';

export type FieldConfig = Partial<Omit<Config, 'custom'>> & { custom?: Record<string, unknown> };

type Override = { matcher: { id: string; options?: unknown }; properties: Array<{ id: string; value?: unknown }> };

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Array<{ rawSql?: string; format?: string | number; hide?: boolean }>;
  fieldConfig?: { defaults?: FieldConfig; overrides?: Override[] };
  options?: {
    legend?: { showLegend?: boolean; placement?: string; calcs?: string[]; sortBy?: string };
    reduceOptions?: { calcs?: string[] };
    tooltip?: { sort?: string };
    xField?: string;
    colorByField?: string;
  };
  panels?: Panel[];
}

export interface Variable {
  name: string;
  label?: string;
  description?: string;
  type: string;
  query?: string | { rawSql?: string; query?: string };
  hide?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  current?: { value?: string | string[] };
}

export interface Dashboard {
  title?: string;
  description?: string;
  time?: { from: string; to: string };
  timepicker?: { quick_ranges?: Array<{ display: string; from: string; to: string }> };
  templating?: { list?: Variable[] };
  links?: Array<{ title?: string; tooltip?: string; url?: string }>;
  panels: Panel[];
}

type Named = { name: string; type: `${FieldType}`; labels?: Record<string, string>; config?: FieldConfig };
export type Field = Named & { values: unknown[] };
export type Frame = { fields: Field[]; notices: QueryResultMetaNotice[] };

/** The panels that draw queries, rows unfolded. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  const unfolded = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return unfolded.filter((panel) => panel.targets?.some((target) => target.rawSql));
}

/** What a panel says of itself, without what a click does in Grafana and without its marks: this page has no other dashboards to open. */
export function aboutOf({ description = '' }: Panel): string {
  const foreign = /(^|[:;]\s)[^:;]*\b(click|dashboard|mark)s?\b.*$/is;
  const sentences = description.split(/(?<=[.!?])\s+/).map((one) => one.replace(foreign, (_all, cut) => cut && '.'));
  return sentences.filter(Boolean).join(' ');
}
