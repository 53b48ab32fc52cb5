import { DataSourceInstanceSettings } from '@grafana/data';

import { PerfDatasource } from '../datasource';
import { PerfOptions } from '../types';
import { FakeVariable, fakeTemplateSrv } from './templateSrv';

/** A datasource without a Grafana around it. */
export function testDatasource(variables: Record<string, FakeVariable> = {}): PerfDatasource {
  const settings = { id: 1, uid: 'perf', type: 'duckdb-perf-datasource', name: 'Perf', meta: {}, jsonData: {} };
  return new PerfDatasource(settings as unknown as DataSourceInstanceSettings<PerfOptions>, fakeTemplateSrv(variables));
}
