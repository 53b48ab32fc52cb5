import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import React from 'react';

import { Macro, MACROS } from '../macros';

interface Props {
  onPick: (macro: Macro) => void;
}

/** The macros with a line about each; a click puts one into the query. */
export function MacroHelp({ onPick }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.list}>
      {MACROS.map((macro) => (
        <React.Fragment key={macro.signature}>
          <button
            type="button"
            className={styles.macro}
            title={`Insert ${macro.example}`}
            onClick={() => onPick(macro)}
          >
            {macro.signature}
          </button>
          <span className={styles.doc}>{macro.doc}</span>
        </React.Fragment>
      ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  list: css({
    display: 'grid',
    gridTemplateColumns: 'max-content 1fr',
    gap: theme.spacing(0.25, 2),
    alignItems: 'baseline',
    maxHeight: 260,
    overflowY: 'auto',
    padding: theme.spacing(1),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.secondary,
  }),
  macro: css({
    padding: theme.spacing(0.25, 0.5),
    border: 'none',
    background: 'transparent',
    color: theme.colors.text.link,
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    textAlign: 'left',
    '&:hover': { textDecoration: 'underline' },
  }),
  doc: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
