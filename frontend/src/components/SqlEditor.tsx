import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import {
  CodeEditor,
  CodeEditorSuggestionItem,
  CodeEditorSuggestionItemKind,
  Monaco,
  MonacoEditor,
  useStyles2,
} from '@grafana/ui';
import React, { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { MACROS } from '../macros';

const MIN_HEIGHT = 180;
const MAX_HEIGHT = 520;

/** Puts text at the cursor of a mounted editor. */
export type Insert = (text: string) => void;

interface Props {
  value: string;
  ariaLabel: string;
  /** With each change of the text. */
  onChange?: (sql: string) => void;
  /** When the editor loses the focus. */
  onBlur?: (sql: string) => void;
  /** On Ctrl+Enter or Cmd+Enter, with the text as it is then. */
  onRun: (sql: string) => void;
  /** Receives a function that inserts text at the cursor. */
  insertRef?: React.MutableRefObject<Insert | undefined>;
  /** Template variables to offer beside the macros. */
  variableNames?: () => string[];
}

/** Grafana's code editor for DuckDB SQL: it grows with its text and can be made taller by hand. */
export function SqlEditor(props: Props) {
  const styles = useStyles2(getStyles);
  const box = useRef<HTMLDivElement>(null);
  const [text, onTyped] = useOwnText(props.value);

  // Monaco keeps the handlers it got when it was mounted; they must see the present props.
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });

  const change = (sql: string) => {
    onTyped(sql);
    latest.current.onChange?.(sql);
  };

  const onMount = (editor: MonacoEditor, monaco: Monaco) => {
    // An action and not a command: commands of one editor answer the keys of all others on the page.
    editor.addAction({
      id: 'duckdb-perf-run-query',
      label: 'Run query',
      keybindings: [monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter],
      run: () => latest.current.onRun(editor.getValue()),
    });
    if (props.insertRef) {
      props.insertRef.current = (snippet) => {
        const range = editor.getSelection();
        if (range) {
          editor.executeEdits('duckdb-perf', [{ range, text: snippet, forceMoveMarkers: true }]);
        }
        editor.focus();
      };
    }
    growWithText(editor, box.current);
  };

  return (
    <div ref={box} className={styles.box}>
      <CodeEditor
        aria-label={props.ariaLabel}
        language="sql"
        value={text}
        height="100%"
        containerStyles={styles.editor}
        showLineNumbers
        showMiniMap={false}
        onChange={change}
        onBlur={(sql) => latest.current.onBlur?.(sql)}
        onEditorDidMount={onMount}
        getSuggestions={() => suggestions(props.variableNames?.() ?? [])}
        monacoOptions={{
          folding: false,
          scrollBeyondLastLine: false,
          scrollbar: { alwaysConsumeMouseWheel: false },
          // It would offer `__weekFilter`, from the text above, for `week`, and Enter would take it.
          wordBasedSuggestions: false,
          wordWrap: 'on',
        }}
      />
    </div>
  );
}

/**
 * The text being edited. What comes back from the outside is taken over only if it is news: an echo of something
 * typed a moment ago must not undo what was typed since.
 */
function useOwnText(value: string): [string, (typed: string) => void] {
  const [text, setText] = useState(value);
  const unconfirmed = useRef<string[]>([]);
  useEffect(() => {
    const echo = unconfirmed.current.indexOf(value);
    unconfirmed.current = echo === -1 ? [] : unconfirmed.current.slice(echo + 1);
    if (echo === -1) {
      setText(value);
    }
  }, [value]);
  const onTyped = (typed: string) => {
    unconfirmed.current.push(typed);
    setText(typed);
  };
  return [text, onTyped];
}

/** Fits the box to the text until somebody drags its corner. */
function growWithText(editor: MonacoEditor, box: HTMLDivElement | null) {
  let fitted = box?.offsetHeight;
  const fit = () => {
    if (!box || box.offsetHeight !== fitted) {
      return;
    }
    box.style.height = `${Math.min(Math.max(editor.getContentHeight() + 2, MIN_HEIGHT), MAX_HEIGHT)}px`;
    fitted = box.offsetHeight;
  };
  editor.onDidContentSizeChange(fit);
  fit();
}

function suggestions(variables: string[]): CodeEditorSuggestionItem[] {
  return [
    ...MACROS.map(({ signature, doc, example }) => ({
      label: signature.split('(')[0],
      detail: doc,
      insertText: example,
      kind: CodeEditorSuggestionItemKind.Method,
    })),
    ...variables.map((name) => ({
      label: name,
      detail: 'Template variable',
      kind: CodeEditorSuggestionItemKind.Property,
    })),
  ];
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({
    height: MIN_HEIGHT,
    minHeight: 80,
    overflow: 'hidden',
    resize: 'vertical',
    borderRadius: theme.shape.radius.default,
  }),
  editor: css({ height: '100%' }),
});
