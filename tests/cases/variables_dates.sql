-- from: 2026-12-28T10:00:00Z
-- to: 2027-01-03T23:59:59.999Z
SELECT '${__from:date:YYYY-MM-DD}' AS day, '${__from:date:GGGG-[W]WW}' AS week, '${__to:date:MMM D, YYYY HH:mm}' AS text, DATE '${__from:date:YYYY-MM-DD}' AS date
