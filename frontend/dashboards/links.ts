// Where a click leads: to the dashboard of one pattern, or to the same dashboard with one thing chosen.
import { type DashboardLink, DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';

/** A link from a value; fewer members than the links of a dashboard have. */
export interface ValueLink {
  title: string;
  url: string;
}

/** What every link hands on. */
const KEPT = '${datasource:queryparam}&${__url_time_range}';
const CHOICES = '${week:queryparam}&${agent:queryparam}&${slow_ms:queryparam}';

/** To the dashboard of the pattern that `value` names: a label of the series, or a column of the row. */
export function toPattern(title: string, value: string, choices = CHOICES): ValueLink {
  return { title, url: `/d/query-perf-pattern?${KEPT}&var-pattern=${value}&${choices}` };
}

/** To the dashboard that is open, with this pattern only. */
export function onlyPattern(value: string): ValueLink {
  return {
    title: 'Show only this pattern here',
    url: `/d/\${__dashboard.uid}?${KEPT}&var-pattern=${value}&${CHOICES}`,
  };
}

/** To the dashboard that is open, with this agent only. */
export function onlyAgent(value: string): ValueLink {
  const choices = '${agent_regex:queryparam}&${week:queryparam}&${slow_ms:queryparam}';
  return { title: 'Show only this agent', url: `/d/\${__dashboard.uid}?${KEPT}&var-agent=${value}&${choices}` };
}

/** To the dashboard of the pattern that is chosen above. */
export const TO_CHOSEN_PATTERN: ValueLink = {
  title: 'Open the chosen pattern (of several, the first; of All, the slowest)',
  url: `/d/query-perf-pattern?${KEPT}&\${pattern:queryparam}&${CHOICES}`,
};

export const SERIES_PATTERN = '${__field.labels.pattern:percentencode}';
export const ROW_PATTERN = '${__data.fields.pattern:percentencode}';

/** The list of the other dashboards; `keeps` the time range and choices, where theirs are the same. */
export function others(keeps = true): DashboardLinkBuilder {
  return new DashboardLinkBuilder('More')
    .type(DashboardLinkType.Dashboards)
    .tags(['query-performance'])
    .icon('external link')
    .tooltip('The other dashboards, with the same time range and choices')
    .asDropdown(true)
    .targetBlank(false)
    .includeVars(keeps)
    .keepTime(keeps)
    .url('');
}

/** A download of the table of this name, with these variables. A page of its own: Grafana's router would take the click. */
export function csv(table: string, variables: string[], tooltip: string): DashboardLinkBuilder {
  const rest = variables.map((name) => `&\${${name}:queryparam}`).join('');
  return new DashboardLinkBuilder('CSV')
    .type(DashboardLinkType.Link)
    .url(`/api/datasources/uid/\${datasource}/resources/export.csv?table=${table}&\${__url_time_range}${rest}`)
    .icon('')
    .tooltip(tooltip)
    .asDropdown(false)
    .targetBlank(true)
    .includeVars(false)
    .keepTime(false)
    .tags([]);
}

/** The SDK wants the members of a dashboard's link; Grafana asks for title and address. */
export function dataLinks(links: ValueLink[]): Array<{ build: () => DashboardLink }> {
  return links.map((link) => ({ build: () => link as DashboardLink }));
}
