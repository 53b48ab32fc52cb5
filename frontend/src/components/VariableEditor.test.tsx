import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { testDatasource } from '../testing/datasource';
import { PerfVariableQuery } from '../types';
import { VariableEditor } from './VariableEditor';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  CodeEditor: jest.requireActual('../testing/codeEditor').FakeCodeEditor,
}));

function renderEditor(stored: PerfVariableQuery | string) {
  const onChange = jest.fn();
  function Settings() {
    const [query, setQuery] = useState(stored);
    return (
      <VariableEditor
        datasource={testDatasource()}
        query={query as PerfVariableQuery}
        onChange={(next) => {
          onChange(next);
          setQuery(next);
        }}
        onRunQuery={() => {}}
      />
    );
  }
  const { unmount } = render(<Settings />);
  return { onChange, unmount, area: screen.getByRole('textbox') as HTMLTextAreaElement };
}

describe('VariableEditor', () => {
  it.each([['SELECT 1'], [{ refId: 'own', rawSql: 'SELECT 1' }]])(
    'shows %p and tells a change once, when the text is done',
    async (stored) => {
      const { onChange, area } = renderEditor(stored);
      expect(area.value).toBe('SELECT 1');
      await userEvent.type(area, '23');
      expect(onChange).not.toHaveBeenCalled();
      fireEvent.blur(area);
      expect(onChange).toHaveBeenCalledTimes(1);
      expect(onChange.mock.calls[0][0]).toMatchObject({ rawSql: 'SELECT 123', query: 'SELECT 123', format: 'table' });
      fireEvent.blur(area);
      expect(onChange).toHaveBeenCalledTimes(1);
    }
  );

  it('runs on Ctrl+Enter', async () => {
    const { onChange, area } = renderEditor('SELECT 1');
    await userEvent.type(area, '2{Control>}{Enter}{/Control}');
    expect(onChange.mock.calls[0][0].rawSql).toBe('SELECT 12');
  });

  it('gives each variable a refId of its own and a new one a query to start with', () => {
    const refIds = [1, 2].map(() => {
      const { onChange, unmount } = renderEditor('');
      expect(onChange.mock.calls[0][0].rawSql).toContain('SELECT DISTINCT pattern');
      unmount();
      return onChange.mock.calls[0][0].refId;
    });
    expect(new Set(refIds).size).toBe(2);
  });
});
