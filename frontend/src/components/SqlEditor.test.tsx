import { fireEvent, render, screen } from '@testing-library/react';
import React from 'react';

import { SqlEditor } from './SqlEditor';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  CodeEditor: jest.requireActual('../testing/codeEditor').FakeCodeEditor,
}));

describe('SqlEditor', () => {
  it('does not let a late echo undo what was typed since, but takes over news', () => {
    const editor = (value: string) => <SqlEditor ariaLabel="SQL" value={value} onRun={() => {}} />;
    const { rerender } = render(editor('a'));
    const area = screen.getByRole('textbox') as HTMLTextAreaElement;
    fireEvent.change(area, { target: { value: 'ab' } });
    fireEvent.change(area, { target: { value: 'abc' } });

    rerender(editor('ab'));
    expect(area.value).toBe('abc');
    rerender(editor('abc'));
    expect(area.value).toBe('abc');
    rerender(editor('from elsewhere'));
    expect(area.value).toBe('from elsewhere');
    rerender(editor('abc'));
    expect(area.value).toBe('abc');
  });
});
