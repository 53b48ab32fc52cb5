import { css } from '@emotion/css';
import { GrafanaTheme2, QueryEditorProps } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import React, { useEffect, useRef, useState } from 'react';

import type { PerfDatasource } from '../datasource';
import { PerfOptions, PerfQuery, PerfVariableQuery } from '../types';
import { toVariableQuery } from '../variableQuery';
import { SqlEditor } from './SqlEditor';

const NEW_SQL = `SELECT DISTINCT pattern
FROM perf_all_weeks
ORDER BY pattern`;

type Props = QueryEditorProps<PerfDatasource, PerfQuery, PerfOptions, PerfVariableQuery>;

/** The editor of query variables. Grafana runs the query at each change, so a change is told when the text is done. */
export function VariableEditor({ datasource, onChange, query: stored }: Props) {
  const styles = useStyles2(getStyles);
  const [ownRefId] = useState(() => `variable-${Math.random().toString(36).slice(2, 10)}`);
  const query = toVariableQuery(stored, ownRefId);
  const text = useRef(query.rawSql ?? '');

  const commit = (rawSql: string) => {
    text.current = rawSql;
    if (rawSql !== query.rawSql) {
      onChange(toVariableQuery({ ...query, rawSql }, ownRefId));
    }
  };

  const isNew = !stored || (typeof stored !== 'string' && stored.rawSql === undefined && stored.query === undefined);
  useEffect(() => {
    if (isNew) {
      commit(NEW_SQL);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the editor opens
  }, []);

  return (
    <div className={styles.editor}>
      <SqlEditor
        ariaLabel="SQL of the variable"
        value={query.rawSql ?? ''}
        onChange={(sql) => (text.current = sql)}
        onBlur={commit}
        onRun={commit}
        variableNames={() => datasource.variableNames()}
      />
      <div className={styles.bar}>
        <span className={styles.hint}>
          Options come from the first column, or from columns <code>__value</code> and <code>__text</code>. Macros that
          use the time range need the refresh “On time range change”. <code>$__searchFilter</code> is what is typed into
          the variable’s box, with <code>%</code> behind it.
        </span>
        <Button size="sm" icon="play" tooltip="Ctrl+Enter or Cmd+Enter" onClick={() => commit(text.current)}>
          Run query
        </Button>
      </div>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
  bar: css({ display: 'flex', alignItems: 'flex-start', justifyContent: 'space-between', gap: theme.spacing(2) }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize, lineHeight: 1.8 }),
});
