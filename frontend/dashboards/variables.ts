// The variables of the dashboards, and the marks on their lines.
import {
  AnnotationPanelFilterBuilder,
  AnnotationQueryBuilder,
  AnnotationQueryPlacement,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';

import { CHOSEN, DATASOURCE_TYPE, SqlQuery, sqlOf } from './query';

/** In Grafana's menu of controls, so that nine rows of them do not stand above the panels. */
const IN_MENU = VariableHide.InControlsMenu;
const SHOWN = VariableHide.DontHide;

/** Which datasource is read. */
export const datasource = () =>
  new DatasourceVariableBuilder('datasource')
    .label('Data source')
    .type(DATASOURCE_TYPE)
    .regex('')
    .hide(IN_MENU)
    .multi(false)
    .includeAll(false)
    .current({ text: 'DuckDB Perf', value: 'duckdb-perf' });

interface Choice {
  name: string;
  label: string;
  description: string;
  sql: string;
  inMenu?: boolean;
  /** Whether several can be chosen, or All. Grafana puts `$__all` into the query as it is. */
  several?: 'one or all' | 'several or all';
  /** What is chosen at first, where that is not All. */
  first?: { text: string; value: string };
}

function choice(choice: Choice): QueryVariableBuilder {
  const all = choice.several !== undefined;
  const isMulti = choice.several === 'several or all';
  const chosen = choice.first ?? (isMulti ? { text: ['All'], value: ['$__all'] } : { text: 'All', value: '$__all' });
  const builder = new QueryVariableBuilder(choice.name)
    .label(choice.label)
    .description(choice.description)
    .datasource(CHOSEN)
    .definition(sqlOf(choice.sql))
    .query(new SqlQuery(choice.sql, 'table', choice.name).build())
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.Disabled)
    .regex('')
    .hide(choice.inMenu ? IN_MENU : SHOWN)
    .multi(isMulti)
    .includeAll(all)
    .allowCustomValue(false)
    .options([])
    .current(chosen);
  return all ? builder.allValue('$__all') : builder;
}

const LIST = 'The list holds the patterns of the time range, slowest of the newest report first.';

/** Of several patterns. */
export const patterns = () =>
  choice({
    name: 'pattern',
    label: 'Pattern',
    description: `Filters every panel. ${LIST}`,
    sql: 'shared/variable_pattern',
    several: 'several or all',
  });

/** Of one pattern. */
export const pattern = () =>
  choice({
    name: 'pattern',
    label: 'Pattern',
    description: `The pattern that this dashboard is about. ${LIST} With All it is about the slowest of them, which the panel with the text names.`,
    sql: 'shared/variable_pattern',
    several: 'one or all',
  });

export const week = (description: string) =>
  choice({
    name: 'week',
    label: 'Week',
    description,
    sql: 'shared/variable_week',
    first: { text: 'Newest', value: 'newest' },
  });
export const CURRENT_WEEK = 'The current week: the newest report of the time range, or an earlier one.';

export const before = () =>
  choice({
    name: 'before',
    label: 'Against',
    description: 'The report it is compared with: the one before it, or any other of the time range.',
    sql: 'shared/variable_before',
    first: { text: 'The report before', value: 'previous' },
  });

/** Of reports with a column for it. */
export const agent = () =>
  choice({
    name: 'agent',
    label: 'Agent',
    description: 'For reports with a column `agent`. Where they have none, the list is empty and All is everything.',
    sql: 'shared/variable_agent',
    inMenu: true,
    several: 'several or all',
  });

/** Also of agents that are read from the patterns. */
export const agentByName = () =>
  choice({
    name: 'agent',
    label: 'Agent',
    description: 'The agents of the time range, busiest first.',
    sql: 'agents/variable_agent',
    several: 'several or all',
  });

function text(name: string, label: string, description: string, value: string, inMenu: boolean) {
  return new TextBoxVariableBuilder(name)
    .label(label)
    .description(description)
    .defaultValue(value)
    .hide(inMenu ? IN_MENU : SHOWN)
    .options([{ selected: true, text: value, value }])
    .current({ text: value, value });
}

export const slowMs = () =>
  text(
    'slow_ms',
    'Slow above (ms)',
    "A pattern is slow when its P95 is above this. Empty: the datasource's own threshold, 100 ms unless set otherwise.",
    '',
    false
  );

export const percent = () =>
  text('percent', 'Beyond (%)', 'Changes of P95 below this many percent are left out.', '25', true);

export const minSamples = () =>
  text(
    'min_samples',
    'Least samples',
    'Patterns that ran less often in one of the two reports are left out: their percentiles are chance.',
    '30',
    true
  );

/** The first table of a query, not what a function such as `extract(minute FROM x)` takes. */
const FIRST_TABLE = String.raw`(?is)^(?:\b(?:extract|trim|substring|overlay|position)\s*\((?:[^()]|\([^()]*\))*\)|\bdistinct\s+from\b|.)*?\b(?:from|into|update)\s+"?([a-z_][a-z0-9_.]*)`;

export const agentRegex = () =>
  text(
    'agent_regex',
    'Agent by name',
    String.raw`For rows without a column ${'`agent`'}: a regular expression over the pattern. Its first group is the agent, for example agent:(\w+) for patterns with a comment that names it. As it stands: the first table of the query, not what a function such as extract(minute FROM x) takes.`,
    FIRST_TABLE,
    true
  );

/** Grafana's own, which a dashboard always has. */
export const builtInMarks = () =>
  new AnnotationQueryBuilder()
    .name('Annotations & Alerts')
    .type('dashboard')
    .builtIn(1)
    .enable(true)
    .hide(true)
    .iconColor('rgba(0, 211, 255, 1)')
    .datasource({ type: 'grafana', uid: '-- Grafana --' });

/** What got slower, on one panel only. */
export const marks = (sql: string, panel: number) =>
  new AnnotationQueryBuilder()
    .name('What got slower')
    .enable(true)
    .hide(false)
    .iconColor('orange')
    .datasource(CHOSEN)
    .target(new SqlQuery(sql, 'table', 'slower'))
    .filter(new AnnotationPanelFilterBuilder().exclude(false).ids([panel]))
    .placement(AnnotationQueryPlacement.InControlsMenu);
