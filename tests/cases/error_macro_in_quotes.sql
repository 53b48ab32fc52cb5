-- error: `$__timeFrom()` stands inside quotes, where it is only text (line 1, column 65). Write `$__timeFrom()` without the quotes
SELECT * FROM (SELECT TIMESTAMP '2026-01-01') t(ts) WHERE ts >= '$__timeFrom()'
