// Bundles the preview page into one HTML file, dist/index.html, that asks for nothing else: `duckdb-perf serve` carries it.
// Its Content-Security-Policy names the script and the style by their hashes, so nothing else can run.
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const swcOptions = require('../swc.options.js');

const src = path.join(__dirname, 'src');
const dist = path.join(__dirname, 'dist');
const styles = [require.resolve('uplot/dist/uPlot.min.css'), path.join(src, 'style.css')];

const hash = (text) => `'sha256-${crypto.createHash('sha256').update(text).digest('base64')}'`;

const page = (script, style) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DuckDB Perf</title>
<link rel="icon" href="data:,">
<style>${style}</style>
<body>
<noscript>This page draws the dashboard with JavaScript. The numbers are at /api/perf/slow as well.</noscript>
<script>${script}</script>
</html>
`;

/** Puts the bundle into the page, after everything that would change its text. */
class OneFile {
  apply(compiler) {
    compiler.hooks.thisCompilation.tap('OneFile', (compilation) => compilation.fileDependencies.addAll(styles));
    compiler.hooks.afterEmit.tap('OneFile', () => {
      const bundle = path.join(dist, 'main.js');
      const script = fs.readFileSync(bundle, 'utf8').replaceAll('</script', '<\\/script');
      const style = styles.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
      fs.writeFileSync(path.join(dist, 'index.html'), page(script, style));
      fs.rmSync(bundle);
    });
  }
}

module.exports = (_env, { mode }) => ({
  mode,
  context: src,
  entry: { main: './main.ts' },
  devtool: false,
  target: ['web', 'es2021'],
  module: {
    rules: [{ test: /\.ts$/, exclude: /node_modules/, use: { loader: 'swc-loader', options: swcOptions } }],
  },
  resolve: { extensions: ['.ts', '.js'] },
  output: { path: dist, filename: '[name].js' },
  performance: { hints: false },
  plugins: [new OneFile()],
});
