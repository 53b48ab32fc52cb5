-- format: time_series
SELECT TIMESTAMP '2026-03-01' AS time, DATE '2026-02-28' AS built, [1, 2] AS list, '{"a": 1}'::JSON AS json, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS id, 'b'::ENUM('a', 'b') AS kind, 1 AS value
