import { css } from '@emotion/css';
import { GrafanaTheme2, LoadingState, QueryEditorProps } from '@grafana/data';
import { Alert, Button, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import React, { useEffect, useRef, useState } from 'react';

import type { PerfDatasource } from '../datasource';
import {
  ALERT_SQL,
  defaultQuery,
  formatOf,
  fromPanel,
  isAlerting,
  PerfOptions,
  PerfQuery,
  QueryFormat,
} from '../types';
import { MacroHelp } from './MacroHelp';
import { Notices, noticesOf } from './Notices';
import { Insert, SqlEditor } from './SqlEditor';

const FORMATS: Array<{ label: string; value: QueryFormat; description: string }> = [
  {
    label: 'Time series',
    value: 'time_series',
    description: 'Lines over a time or week column; text columns name them',
  },
  { label: 'Table', value: 'table', description: 'Rows as the query gives them' },
];

type Props = QueryEditorProps<PerfDatasource, PerfQuery, PerfOptions>;

/** The editor of panels, Explore, alert rules and annotations. */
export function QueryEditor({ app, data, datasource, onChange, onRunQuery, query: given }: Props) {
  const styles = useStyles2(getStyles);
  const [showMacros, setShowMacros] = useState(false);
  const insert = useRef<Insert | undefined>(undefined);

  // A query that nobody has written yet starts with the default; one that exists is never touched on opening.
  const stored = isAlerting(app) ? fromPanel(given) : given;
  const isNew = stored.rawSql === undefined;
  const query: PerfQuery = isNew
    ? { ...stored, ...defaultQuery(app), format: stored.format ?? defaultQuery(app).format }
    : stored;
  useEffect(() => {
    if (query.rawSql !== given.rawSql) {
      onChange(query);
    }
    // When another datasource is chosen, Grafana goes on showing that one's result until somebody runs the query.
    const shown = data?.request?.targets.find(({ refId }) => refId === query.refId)?.datasource?.uid;
    if (shown && shown !== datasource.uid && shown !== query.datasource?.uid) {
      onRunQuery();
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the editor opens
  }, []);

  const change = (changes: Partial<PerfQuery>) =>
    onChange({ ...query, format: formatOf(query), rawQuery: true, editorMode: 'code', ...changes });
  const run = (changes: Partial<PerfQuery>) => {
    change(changes);
    onRunQuery();
  };

  return (
    <div className={styles.editor}>
      <div className={styles.bar}>
        <RadioButtonGroup
          size="sm"
          aria-label="Format"
          options={FORMATS}
          value={formatOf(query)}
          onChange={(format) => run({ format })}
        />
        <Button
          size="sm"
          variant="secondary"
          fill="text"
          icon={showMacros ? 'angle-up' : 'angle-down'}
          aria-expanded={showMacros}
          onClick={() => setShowMacros(!showMacros)}
        >
          Macros
        </Button>
        <div className={styles.space} />
        <Button
          size="sm"
          icon={data?.state === LoadingState.Loading ? 'spinner' : 'play'}
          tooltip="Ctrl+Enter or Cmd+Enter"
          onClick={() => onRunQuery()}
        >
          Run query
        </Button>
      </div>
      {isAlerting(app) && !query.rawSql?.trim() && (
        <Alert severity="info" title="Write the rule's SQL here">
          <p>It gives one number for each alert; text columns become the alert&apos;s labels.</p>
          <Button size="sm" variant="secondary" onClick={() => run({ rawSql: ALERT_SQL, format: 'table' })}>
            Start with an example
          </Button>
        </Alert>
      )}
      {showMacros && <MacroHelp onPick={(macro) => insert.current?.(macro.example)} />}
      <SqlEditor
        ariaLabel="SQL"
        value={query.rawSql ?? ''}
        onChange={(rawSql) => change({ rawSql })}
        onRun={(rawSql) => run({ rawSql })}
        insertRef={insert}
        variableNames={() => datasource.variableNames()}
      />
      <Notices notices={noticesOf(data, query.refId)} />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
  bar: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  space: css({ flexGrow: 1 }),
});
