-- error: `$__timeFrom()` stands inside quotes, where it is only text
SELECT * FROM (SELECT TIMESTAMP '2026-01-01') t(ts) WHERE ts >= '$__timeFrom()'
