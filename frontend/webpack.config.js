// Bundles src/module.ts into the plugin folder that Grafana loads. The backend's binary lies in the same folder,
// so nothing there is ever cleaned.
const fs = require('fs');
const path = require('path');
const swcOptions = require('./swc.options.js');

const root = path.resolve(__dirname, '..');
const dist = path.join(root, 'dist', 'duckdb-perf-datasource');
// The runbooks too: alerts link to them through Grafana, so that the links work without the outside.
const copied = ['plugin.json', 'img', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs/runbooks'];

/** Copies the files of the plugin folder that are not built. */
class CopyPluginFiles {
  apply(compiler) {
    compiler.hooks.afterEmit.tap('CopyPluginFiles', () => {
      for (const name of copied.filter((name) => fs.existsSync(path.join(root, name)))) {
        fs.cpSync(path.join(root, name), path.join(dist, name), { recursive: true });
      }
    });
  }
}

module.exports = (_env, { mode }) => ({
  mode,
  context: path.join(__dirname, 'src'),
  entry: { module: './module.ts' },
  devtool: mode === 'production' ? 'source-map' : 'eval-source-map',
  target: ['web', 'es2021'],
  // What Grafana provides at run time.
  externals: [
    'lodash',
    'jquery',
    'moment',
    'slate',
    'emotion',
    '@emotion/react',
    '@emotion/css',
    'prismjs',
    'react',
    'react-dom',
    'react-redux',
    'redux',
    'rxjs',
    'rxjs/operators',
    'react-router',
    'd3',
    'i18next',
    /^@grafana\/(data|ui|runtime)$/,
  ],
  module: {
    rules: [{ test: /\.tsx?$/, exclude: /node_modules/, use: { loader: 'swc-loader', options: swcOptions } }],
  },
  resolve: { extensions: ['.ts', '.tsx', '.js'] },
  output: {
    path: dist,
    filename: '[name].js',
    library: { type: 'amd' },
    publicPath: 'public/plugins/duckdb-perf-datasource/',
    uniqueName: 'duckdb-perf-datasource',
  },
  performance: { hints: false },
  plugins: [new CopyPluginFiles()],
});
