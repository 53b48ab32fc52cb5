// Stands in for style sheets, and for icons, which would be fetched.
module.exports = { __esModule: true, default: () => null };
