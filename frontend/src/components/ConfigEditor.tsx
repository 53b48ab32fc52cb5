import { css } from '@emotion/css';
import { DataSourcePluginOptionsEditorProps, GrafanaTheme2 } from '@grafana/data';
import { Button, Field, FieldSet, IconButton, Input, useStyles2 } from '@grafana/ui';
import React from 'react';

import { PerfOptions } from '../types';
import { LIMIT_SETTINGS, NumberSetting, numberProblem, pathProblem, REPORT_SETTINGS, TextSetting } from './settings';

const WIDTH = 60;
const NUMBER_WIDTH = 24;

type Props = DataSourcePluginOptionsEditorProps<PerfOptions>;

/** The datasource's settings page. Values are stored as they are typed; the backend judges them, the hints warn early. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  const styles = useStyles2(getStyles);
  const { jsonData, readOnly } = options;

  /** An empty value removes its key, so that the default counts again. */
  const set = (changes: Partial<PerfOptions>) => {
    const next = { ...jsonData, ...changes };
    const empty = (value: unknown) =>
      value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
    for (const key of Object.keys(changes) as Array<keyof PerfOptions>) {
      if (empty(next[key])) {
        delete next[key];
      }
    }
    onOptionsChange({ ...options, jsonData: next });
  };

  const textField = ({ key, label, description, placeholder, problem: problemOf }: TextSetting) => {
    const problem = problemOf?.(jsonData[key] ?? '');
    return (
      <Field key={key} label={label} description={description} invalid={Boolean(problem)} error={problem}>
        <Input
          id={`duckdb-perf-${key}`}
          width={WIDTH}
          value={jsonData[key] ?? ''}
          placeholder={placeholder}
          disabled={readOnly}
          onChange={(event) => set({ [key]: event.currentTarget.value })}
        />
      </Field>
    );
  };

  const numberField = ({ key, label, description, placeholder, unit, least }: NumberSetting) => {
    const problem = numberProblem(jsonData[key], least);
    return (
      <Field key={key} label={label} description={description} invalid={Boolean(problem)} error={problem}>
        <Input
          id={`duckdb-perf-${key}`}
          type="number"
          width={NUMBER_WIDTH}
          value={jsonData[key] ?? ''}
          placeholder={placeholder}
          suffix={unit}
          disabled={readOnly}
          onChange={(event) => {
            const typed = event.currentTarget.value;
            set({ [key]: typed === '' ? undefined : Number(typed) });
          }}
        />
      </Field>
    );
  };

  const path = jsonData.path ?? '';
  const urlPath = !path && !jsonData.paths?.length && options.url ? options.url : undefined;
  const problem = pathProblem(path);
  return (
    <>
      <FieldSet label="Reports">
        <Field
          label="Path"
          required={!urlPath && !jsonData.paths?.length}
          description="Folder of the Parquet reports, or a .duckdb file, on the machine that runs Grafana. It is only read."
          invalid={Boolean(problem)}
          error={problem}
        >
          <Input
            id="duckdb-perf-path"
            width={WIDTH}
            value={path}
            placeholder={urlPath ?? '/var/lib/perf-reports'}
            disabled={readOnly}
            onChange={(event) => set({ path: event.currentTarget.value })}
          />
        </Field>
        <MorePaths paths={jsonData.paths ?? []} readOnly={readOnly} onChange={(paths) => set({ paths })} />
        {REPORT_SETTINGS.map(textField)}
      </FieldSet>
      <FieldSet label="Limits" className={styles.limits}>
        <div className={styles.grid}>{LIMIT_SETTINGS.map(numberField)}</div>
      </FieldSet>
    </>
  );
}

interface MorePathsProps {
  paths: string[];
  readOnly?: boolean;
  onChange: (paths: string[]) => void;
}

/** Further folders and database files, one input for each. */
function MorePaths({ paths, readOnly, onChange }: MorePathsProps) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.paths}>
      {paths.map((path, index) => {
        const problem = pathProblem(path);
        return (
          <div key={index} className={styles.row}>
            <Field invalid={Boolean(problem)} error={problem} className={styles.path}>
              <Input
                aria-label={`Further path ${index + 1}`}
                width={WIDTH - 4}
                value={path}
                placeholder="/var/lib/more-reports"
                disabled={readOnly}
                onChange={(event) => onChange(paths.map((old, at) => (at === index ? event.currentTarget.value : old)))}
              />
            </Field>
            <IconButton
              className={styles.remove}
              name="trash-alt"
              tooltip={`Remove further path ${index + 1}`}
              disabled={readOnly}
              onClick={() => onChange(paths.filter((_, at) => at !== index))}
            />
          </div>
        );
      })}
      <Button size="sm" variant="secondary" icon="plus" disabled={readOnly} onClick={() => onChange([...paths, ''])}>
        Add a folder or file
      </Button>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  paths: css({ marginTop: theme.spacing(-1), marginBottom: theme.spacing(2) }),
  path: css({ marginBottom: 0 }),
  row: css({ display: 'flex', alignItems: 'flex-start', gap: theme.spacing(1), marginBottom: theme.spacing(1) }),
  remove: css({ marginTop: theme.spacing(1) }),
  limits: css({ maxWidth: 860 }),
  grid: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(360px, 1fr))',
    columnGap: theme.spacing(4),
  }),
});
