// What all dashboards over the reports share: weeks in UTC, from Monday on, half a year of them.
import {
  DashboardBuilder,
  DashboardCursorSync,
  TimeOptionBuilder,
  TimePickerBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';

const RANGES: Array<[display: string, from: string]> = [
  ['This week', 'now/w'],
  ['Last 4 weeks', 'now-3w/w'],
  ['Last 12 weeks', 'now-11w/w'],
  ['Last half year', 'now-26w/w'],
  ['Last year', 'now-52w/w'],
  ['Last 5 years', 'now-5y/w'],
];

/** A dashboard of this plugin. */
export function dashboard(uid: string, title: string, description: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['duckdb', 'query-performance'])
    .version(1)
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .fiscalYearStartMonth(0);
}

/** One over the weekly reports. Every range ends with a week, so that the newest bar is a whole one. */
export function weekly(uid: string, title: string, description: string): DashboardBuilder {
  const ranges = RANGES.map(([display, from]) => new TimeOptionBuilder().display(display).from(from).to('now/w'));
  return dashboard(uid, title, description)
    .timezone('utc')
    .weekStart('monday')
    .time({ from: 'now-26w/w', to: 'now/w' })
    .timepicker(new TimePickerBuilder().quickRanges(ranges))
    .refresh('');
}
