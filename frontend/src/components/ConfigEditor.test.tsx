import { DataSourceSettings } from '@grafana/data';
import { fireEvent, render, screen } from '@testing-library/react';
import React, { useState } from 'react';

import { PerfOptions } from '../types';
import { ConfigEditor } from './ConfigEditor';

function renderEditor(jsonData: object, settings: Partial<DataSourceSettings<PerfOptions>> = {}) {
  let saved: PerfOptions = jsonData;
  function Page() {
    const [options, setOptions] = useState({ jsonData, url: '', readOnly: false, ...settings });
    return (
      <ConfigEditor
        options={options as DataSourceSettings<PerfOptions>}
        onOptionsChange={(next) => {
          saved = next.jsonData;
          setOptions(next);
        }}
      />
    );
  }
  render(<Page />);
  return () => saved;
}

const box = (name: string | RegExp) => screen.getByLabelText(name) as HTMLInputElement;
const enter = (input: HTMLInputElement, value: string) => fireEvent.change(input, { target: { value } });

describe('ConfigEditor', () => {
  it('stores texts, numbers as numbers, and keys it does not know', () => {
    const saved = renderEditor({ engine: 'duckdb' });
    enter(box(/^Path/), '/data');
    enter(box(/^Report files/), '*.parquet');
    enter(box(/^Query timeout/), '45');
    enter(box(/^Slow above/), '0.5');
    expect(saved()).toEqual({ engine: 'duckdb', path: '/data', reports: '*.parquet', timeoutSeconds: 45, slowMs: 0.5 });
  });

  it('removes the key of an emptied field', () => {
    const saved = renderEditor({ path: '/data', maxRows: 7 });
    enter(box(/^Rows of a result/), '');
    enter(box(/^Path/), '');
    expect(saved()).toEqual({});
  });

  it('adds and removes further paths', () => {
    const saved = renderEditor({ path: '/a', paths: ['/b', '/c'] });
    fireEvent.click(screen.getByRole('button', { name: 'Remove further path 1' }));
    expect(saved().paths).toEqual(['/c']);
    fireEvent.click(screen.getByRole('button', { name: /add a folder/i }));
    enter(box('Further path 2'), '/d');
    expect(saved().paths).toEqual(['/c', '/d']);
    fireEvent.click(screen.getByRole('button', { name: 'Remove further path 1' }));
    fireEvent.click(screen.getByRole('button', { name: 'Remove further path 1' }));
    expect(saved()).toEqual({ path: '/a' });
  });

  it.each([
    [{ path: '/a', threads: 0 }, 'Enter a whole number of at least 1'],
    [{ path: '/a', maxRows: 1.5 }, 'Enter a whole number of at least 1'],
    [{ path: '/a', slowMs: -1 }, 'Enter a number of at least 0'],
    [{ path: 'reports' }, 'Enter a full path, such as /var/lib/perf-reports'],
    [{ path: '/a', basePath: '..' }, 'Enter a full path, such as /var/lib/perf-reports'],
    [{ paths: ['/a', '~/b'] }, 'Enter a full path, such as /var/lib/perf-reports'],
  ])('says what is wrong with %p', (jsonData, problem) => {
    renderEditor(jsonData);
    expect(screen.getAllByRole('alert').map((alert) => alert.textContent)).toEqual([problem]);
  });

  it.each([
    [{ path: '/a', threads: '4', slowMs: 0 }, ''],
    [{ path: 'C:\\reports' }, ''],
    [{ path: ' ', paths: ['/a', 'file:///b.duckdb'] }, ''],
    [{}, 'file:///data/perf.duckdb'],
  ])('finds nothing wrong with %p and url %p', (jsonData, url) => {
    renderEditor(jsonData, { url });
    expect(screen.queryAllByRole('alert')).toEqual([]);
  });

  it('can only be read when it is provisioned', () => {
    renderEditor({ path: '/a', paths: ['/b'] }, { readOnly: true });
    const controls = [...screen.getAllByRole('textbox'), ...screen.getAllByRole('spinbutton')];
    expect(controls).toHaveLength(10);
    expect(controls.every((control) => (control as HTMLInputElement).disabled)).toBe(true);
    expect((screen.getByRole('button', { name: /add a folder/i }) as HTMLButtonElement).disabled).toBe(true);
  });
});
