import React, { useEffect, useRef } from 'react';

interface Props {
  value: string;
  'aria-label'?: string;
  onChange?: (value: string) => void;
  onBlur?: (value: string) => void;
  onEditorDidMount?: (editor: object, monaco: object) => void;
}

const KeyMod = { CtrlCmd: 2048 };
const KeyCode = { Enter: 3 };

/**
 * Stands in for Grafana's CodeEditor, whose Monaco does not run in jsdom. Like Monaco, it calls the mount handler and
 * the actions registered there with what was current when it was mounted.
 */
export function FakeCodeEditor({ value, onChange, onBlur, onEditorDidMount, ...props }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const runAction = useRef<(() => void) | undefined>(undefined);

  useEffect(() => {
    const editor = {
      getValue: () => area.current?.value,
      getContentHeight: () => 200,
      getSelection: () => ({}),
      executeEdits: (_: string, [{ text }]: Array<{ text: string }>) => onChange?.(`${area.current?.value}${text}`),
      focus: () => area.current?.focus(),
      onDidContentSizeChange: () => {},
      addAction: ({ keybindings, run }: { keybindings: number[]; run: () => void }) => {
        if (keybindings.includes(KeyMod.CtrlCmd | KeyCode.Enter)) {
          runAction.current = run;
        }
      },
    };
    onEditorDidMount?.(editor, { KeyMod, KeyCode });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- Monaco mounts once
  }, []);

  return (
    <textarea
      ref={area}
      aria-label={props['aria-label']}
      value={value}
      onChange={(event) => onChange?.(event.currentTarget.value)}
      onBlur={(event) => onBlur?.(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          runAction.current?.();
        }
      }}
    />
  );
}
