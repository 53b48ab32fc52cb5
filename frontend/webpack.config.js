// Bundles src/module.ts into the plugin folder that Grafana loads. The backend's binary lies in the same folder,
// so nothing there is ever cleaned.
const fs = require('fs');
const path = require('path');
const swcOptions = require('./swc.options.js');

const root = path.resolve(__dirname, '..');
const dist = path.join(root, 'dist', 'duckdb-perf-datasource');
// The documents too: alerts link to the runbooks, and Grafana shows README.md, so that links work without the outside.
const copied = ['plugin.json', 'img', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'ARCHITECTURE.md', 'docs'];
const served = '/public/plugins/duckdb-perf-datasource/';

/** Copies the files of the plugin folder that are not built. */
class CopyPluginFiles {
  apply(compiler) {
    compiler.hooks.afterEmit.tap('CopyPluginFiles', () => {
      for (const name of copied.filter((name) => fs.existsSync(path.join(root, name)))) {
        fs.cpSync(path.join(root, name), path.join(dist, name), { recursive: true });
      }
      // Grafana's page of the plugin lies elsewhere than the plugin's files.
      const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
      fs.writeFileSync(path.join(dist, 'README.md'), readme.replace(/\]\((?!https?:|#)/g, `](${served}`));
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
