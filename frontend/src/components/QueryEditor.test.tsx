import { CoreApp } from '@grafana/data';
import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { testDatasource } from '../testing/datasource';
import { PerfQuery } from '../types';
import { QueryEditor } from './QueryEditor';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  CodeEditor: jest.requireActual('../testing/codeEditor').FakeCodeEditor,
}));

/** Holds the query as Grafana does, and runs what it holds. */
function renderEditor(stored: Partial<PerfQuery>, app = CoreApp.PanelEditor) {
  const onChange = jest.fn();
  const ran: Array<string | undefined> = [];
  let current: PerfQuery = { refId: 'A', ...stored };
  function Panel() {
    const [query, setQuery] = useState(current);
    return (
      <QueryEditor
        app={app}
        datasource={testDatasource()}
        query={query}
        onChange={(next) => {
          onChange(next);
          current = next;
          setQuery(next);
        }}
        onRunQuery={() => ran.push(current.rawSql)}
      />
    );
  }
  const { unmount } = render(<Panel />);
  return {
    unmount,
    onChange,
    ran,
    area: screen.getByRole('textbox', { name: 'SQL' }) as HTMLTextAreaElement,
    query: () => current,
  };
}

describe('QueryEditor', () => {
  it('stores each change of the text at once and keeps the rest of the query', async () => {
    const { area, query } = renderEditor({ rawSql: 'SELECT', format: 'table', hide: false });
    await userEvent.type(area, ' 1');
    expect(query()).toEqual({
      refId: 'A',
      rawSql: 'SELECT 1',
      format: 'table',
      hide: false,
      rawQuery: true,
      editorMode: 'code',
    });
  });

  it('runs the newest text on Ctrl+Enter and on Cmd+Enter', async () => {
    const { area, ran } = renderEditor({ rawSql: 'SELECT 1', format: 'table' });
    await userEvent.type(area, '0{Control>}{Enter}{/Control}');
    await userEvent.type(area, '0{Meta>}{Enter}{/Meta}');
    expect(ran).toEqual(['SELECT 10', 'SELECT 100']);
  });

  it('runs on the button and not on leaving the editor', async () => {
    const { area, ran } = renderEditor({ rawSql: 'SELECT 1', format: 'table' });
    fireEvent.blur(area);
    expect(ran).toEqual([]);
    await userEvent.click(screen.getByRole('button', { name: /run query/i }));
    expect(ran).toEqual(['SELECT 1']);
  });

  it('switches the format and runs', async () => {
    const { query, ran } = renderEditor({ rawSql: 'SELECT 1', format: 0 });
    expect((screen.getByRole('radio', { name: 'Time series' }) as HTMLInputElement).checked).toBe(true);
    await userEvent.click(screen.getByRole('radio', { name: 'Table' }));
    expect(query()).toMatchObject({ rawSql: 'SELECT 1', format: 'table' });
    expect(ran).toEqual(['SELECT 1']);
  });

  it('rewrites nothing on opening', () => {
    const { onChange, area } = renderEditor({ rawSql: '', format: 1 });
    expect(onChange).not.toHaveBeenCalled();
    expect(area.value).toBe('');
  });

  it('starts a new query with the default', () => {
    const { area, query } = renderEditor({});
    expect(area.value).toContain('FROM perf_all_weeks');
    expect(query()).toMatchObject({ refId: 'A', rawSql: area.value, format: 'time_series' });
  });

  it.each([
    ['a new rule', { format: undefined }],
    ['a rule made from a panel, whose SQL Grafana leaves out', { format: 'time_series' as const, rawQuery: true }],
  ])('shows no text that nobody wrote in %s, and says what to do', async (_, stored) => {
    const { area, query, ran } = renderEditor(stored, CoreApp.UnifiedAlerting);
    expect(area.value).toBe('');
    expect(query()).toMatchObject({ rawSql: '', format: stored.format ?? 'table' });
    expect(screen.getByText(/copy it from the panel/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Start with an example' }));
    expect(area.value).toContain('max(week)');
    expect(ran).toEqual([area.value]);
    expect(screen.queryByText(/copy it from the panel/)).toBeNull();
  });

  it('says nothing of rules elsewhere, nor where a rule has its SQL', () => {
    const { unmount } = renderEditor({ rawSql: 'SELECT 1', format: 'table' }, CoreApp.UnifiedAlerting);
    expect(screen.queryByText(/copy it from the panel/)).toBeNull();
    unmount();
    renderEditor({ rawSql: '', format: 'table' });
    expect(screen.queryByText(/copy it from the panel/)).toBeNull();
  });

  it('puts a macro into the text', async () => {
    const { area, query } = renderEditor({ rawSql: 'SELECT 1 WHERE ', format: 'table' });
    expect(screen.queryByText('$__weekFilter(column)')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Macros' }));
    await userEvent.click(screen.getByText('$__weekFilter(column)'));
    expect(query().rawSql).toBe('SELECT 1 WHERE $__weekFilter(week)');
    expect(document.activeElement).toBe(area);
  });
});
