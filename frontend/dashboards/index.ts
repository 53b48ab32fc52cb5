// The dashboards that `provisioning/dashboards` holds, by the name of their file.
import type { Dashboard, DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { agents } from './agents';
import { compare } from './compare';
import { health } from './health';
import { overview, shared } from './overview';
import { pattern } from './pattern';

const FILES: Record<string, () => DashboardBuilder> = {
  'query_perf_overview.json': overview,
  'query_perf_pattern.json': pattern,
  'query_perf_compare.json': compare,
  'query_perf_agents.json': agents,
  'query_perf_public.json': shared,
  'plugin_health.json': health,
};

/** The text of each file. */
export function files(): Map<string, string> {
  const entries = Object.entries(FILES).map(([file, dashboard]): [string, string] => [file, text(dashboard().build())]);
  return new Map(entries);
}

/** What the SDK says of everything although nobody asked for it, and Grafana takes for granted or, of links, takes otherwise. */
const UNASKED: Record<string, unknown> = {
  transparent: false,
  repeatDirection: 'h',
  skipUrlSync: false,
  auto: false,
  auto_min: '10s',
  auto_count: 30,
  builtIn: 0,
  hidden: false,
};

function text(dashboard: Dashboard): string {
  dashboard.links?.forEach((link) => delete link.placement);
  delete dashboard.timepicker?.refresh_intervals;
  dashboard.annotations?.list?.filter((one) => one.builtIn).forEach((one) => delete one.placement);
  dashboard.templating?.list
    ?.filter((variable) => variable.type !== 'query')
    .forEach((variable) => {
      delete variable.allowCustomValue;
    });
  const asked = (key: string, value: unknown) => (key in UNASKED && UNASKED[key] === value ? undefined : value);
  return `${JSON.stringify(dashboard, asked, 2)}\n`;
}
