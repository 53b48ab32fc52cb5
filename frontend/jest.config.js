const swcOptions = require('./swc.options.js');

// Packages below @grafana/ui that are published as ES modules only.
const esModules = [
  '@grafana/schema',
  '@wojtekmaj/date-utils',
  'd3',
  'get-user-locale',
  'marked',
  'memoize',
  'mimic-function',
  'ol',
  'react-calendar',
  'react-colorful',
  'rxjs',
  'uuid',
];

module.exports = {
  testEnvironment: 'jsdom',
  // For machines that have other things to do.
  testTimeout: 60_000,
  roots: ['<rootDir>/src', '<rootDir>/preview/src', '<rootDir>/dashboards'],
  setupFilesAfterEnv: ['<rootDir>/jest-setup.js'],
  transform: { '^.+\\.m?[jt]sx?$': ['@swc/jest', { ...swcOptions, sourceMaps: 'inline' }] },
  transformIgnorePatterns: [`node_modules/(?!.*(${esModules.join('|')})[^/]*/)`],
  moduleNameMapper: { '\\.(css|scss)$|^react-inlinesvg$': '<rootDir>/jest-empty.js' },
};
