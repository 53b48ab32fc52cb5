import {
  CoreApp,
  createDataFrame,
  DataQueryRequest,
  getDefaultTimeRange,
  LoadingState,
  PanelData,
} from '@grafana/data';
import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { testDatasource } from '../testing/datasource';
import { defaultQuery, forRule, PerfQuery } from '../types';
import { QueryEditor } from './QueryEditor';

jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  CodeEditor: jest.requireActual('../testing/codeEditor').FakeCodeEditor,
}));

/** Holds the query as Grafana does, and runs what it holds. */
function renderEditor(stored: Partial<PerfQuery>, app = CoreApp.PanelEditor, data?: PanelData) {
  const onChange = jest.fn();
  const ran: Array<string | undefined> = [];
  let current: PerfQuery = { refId: 'A', ...stored };
  function Panel() {
    const [query, setQuery] = useState(current);
    return (
      <QueryEditor
        app={app}
        data={data}
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

  it.each([
    ['another datasource', 'grafana', ['SELECT 1']],
    ['this one', 'perf', []],
  ])('runs at once where the panel shows what %s gave', (_, uid, expected) => {
    const request = { targets: [{ refId: 'A', datasource: { uid } }] } as DataQueryRequest;
    const data = { state: LoadingState.Done, series: [], timeRange: getDefaultTimeRange(), request };
    const { ran } = renderEditor({ rawSql: 'SELECT 1', format: 'table' }, CoreApp.PanelEditor, data);
    expect(ran).toEqual(expected);
  });

  it('starts a new query with the default', () => {
    const { area, query } = renderEditor({});
    expect(area.value).toContain('FROM perf_all_weeks');
    expect(query()).toMatchObject({ refId: 'A', rawSql: area.value, format: 'time_series' });
  });

  it('shows no text that nobody wrote in a new rule, and says what to do', async () => {
    const { area, query, ran } = renderEditor({ rawQuery: true }, CoreApp.UnifiedAlerting);
    expect(area.value).toBe('');
    expect(query()).toMatchObject({ rawSql: '', format: 'table' });
    expect(screen.getByText(/one number for each alert/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Start with an example' }));
    expect(area.value).toContain('max(week)');
    expect(ran).toEqual([area.value]);
    expect(screen.queryByText(/one number for each alert/)).toBeNull();
  });

  it.each(['time_series', 'table'] as const)('has the SQL of the panel that a rule is made from: %s', (format) => {
    // As Grafana 12.3 hands it on: these fields, and the editor's defaults for the others.
    const { refId, expression, instant, range } = forRule({ refId: 'A', rawSql: 'SELECT 1', format });
    const kept = { ...defaultQuery(CoreApp.UnifiedAlerting), refId, expression, instant, range };
    const { area, query } = renderEditor(kept, CoreApp.UnifiedAlerting);
    expect(area.value).toBe('SELECT 1');
    expect(query()).toMatchObject({ rawSql: 'SELECT 1', format });
    expect(query()).not.toHaveProperty('expression');
  });

  it('says nothing of rules elsewhere, nor where a rule has its SQL', () => {
    const { unmount } = renderEditor({ rawSql: 'SELECT 1', format: 'table' }, CoreApp.UnifiedAlerting);
    expect(screen.queryByText(/one number for each alert/)).toBeNull();
    unmount();
    renderEditor({ rawSql: '', format: 'table' });
    expect(screen.queryByText(/one number for each alert/)).toBeNull();
  });

  it('shows what the backend says about its own result, each sentence once', () => {
    const frame = (refId: string, ...texts: string[]) =>
      createDataFrame({
        refId,
        fields: [],
        meta: { notices: texts.map((text) => ({ severity: 'info' as const, text })) },
      });
    const series = [frame('A', 'the range is short', 'cut'), frame('A', 'cut'), frame('B', 'of another query')];
    const data = { state: LoadingState.Done, series, timeRange: getDefaultTimeRange() };
    renderEditor({ rawSql: 'SELECT 1', format: 'table' }, CoreApp.Explore, data);
    expect(screen.getAllByRole('status').map((notice) => notice.textContent)).toEqual(['the range is short', 'cut']);
  });

  it('puts a macro into the text', async () => {
    const { area, query } = renderEditor({ rawSql: 'SELECT 1 WHERE ', format: 'table' });
    expect(screen.queryByText('$__weekFilter(column[, last])')).toBeNull();
    await userEvent.click(screen.getByRole('button', { name: 'Macros' }));
    await userEvent.click(screen.getByText('$__weekFilter(column[, last])'));
    expect(query().rawSql).toBe('SELECT 1 WHERE $__weekFilter(week)');
    expect(document.activeElement).toBe(area);
  });
});
