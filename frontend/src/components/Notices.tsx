import { css } from '@emotion/css';
import { GrafanaTheme2, PanelData, QueryResultMetaNotice } from '@grafana/data';
import { Icon, useStyles2 } from '@grafana/ui';
import React from 'react';

/** What the backend says about a query's result, each sentence once. */
export function noticesOf(data: PanelData | undefined, refId: string): QueryResultMetaNotice[] {
  const frames = data?.series.filter((frame) => frame.refId === undefined || frame.refId === refId) ?? [];
  const notices = frames.flatMap((frame) => frame.meta?.notices ?? []);
  return notices.filter((notice, at) => notices.findIndex(({ text }) => text === notice.text) === at);
}

/** Notices below the query that they are about. Grafana shows them behind a badge only, where few people look. */
export function Notices({ notices }: { notices: QueryResultMetaNotice[] }) {
  const styles = useStyles2(getStyles);
  return notices.map(({ severity, text }) => (
    <div key={text} role="status" className={styles.notice}>
      <Icon
        name={severity === 'info' ? 'info-circle' : 'exclamation-triangle'}
        className={severity === 'info' ? styles.info : styles.warning}
      />
      {text}
    </div>
  ));
}

const getStyles = (theme: GrafanaTheme2) => ({
  notice: css({ display: 'flex', gap: theme.spacing(1), fontSize: theme.typography.bodySmall.fontSize }),
  info: css({ flexShrink: 0, color: theme.colors.info.text }),
  warning: css({ flexShrink: 0, color: theme.colors.warning.text }),
});
