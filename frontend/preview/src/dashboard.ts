/** What the page reads of a Grafana dashboard (classic JSON) and of data frames. */

import type { FieldConfig as Config, FieldType, QueryResultMetaNotice } from '@grafana/data';

export type FieldConfig = Partial<Omit<Config, 'custom'>> & { custom?: Record<string, unknown> };

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Array<{ rawSql?: string; format?: string | number; hide?: boolean }>;
  fieldConfig?: {
    defaults?: FieldConfig;
    overrides?: Array<{
      matcher: { id: string; options?: unknown };
      properties: Array<{ id: string; value?: unknown }>;
    }>;
  };
  options?: {
    legend?: { showLegend?: boolean; placement?: string; calcs?: string[]; sortBy?: string };
    reduceOptions?: { calcs?: string[] };
    tooltip?: { sort?: string };
    xField?: string;
  };
  panels?: Panel[];
}

export interface Variable {
  name: string;
  label?: string;
  description?: string;
  type: string;
  query?: string | { rawSql?: string; query?: string };
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  hide?: number;
  current?: { value?: string | string[] };
}

export interface Dashboard {
  title?: string;
  description?: string;
  time?: { from: string; to: string };
  timepicker?: { quick_ranges?: Array<{ display: string; from: string; to: string }> };
  templating?: { list?: Variable[] };
  panels: Panel[];
}

export interface Field {
  name: string;
  type: `${FieldType}`;
  labels?: Record<string, string>;
  config?: FieldConfig;
  values: unknown[];
}

export interface Frame {
  fields: Field[];
  notices: QueryResultMetaNotice[];
}

/** The panels that draw queries, rows unfolded. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  const unfolded = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return unfolded.filter((panel) => panel.targets?.some((target) => target.rawSql));
}
