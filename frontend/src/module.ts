import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { PerfDatasource } from './datasource';
import { PerfOptions, PerfQuery } from './types';

export const plugin = new DataSourcePlugin<PerfDatasource, PerfQuery, PerfOptions>(PerfDatasource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor);
