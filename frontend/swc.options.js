// How TypeScript becomes JavaScript, for webpack and jest alike. The classic JSX transform, because
// `react/jsx-runtime` is not there for plugins on every Grafana from 11.6 on.
module.exports = {
  jsc: {
    target: 'es2021',
    parser: { syntax: 'typescript', tsx: true },
    transform: { react: { runtime: 'classic' } },
  },
};
