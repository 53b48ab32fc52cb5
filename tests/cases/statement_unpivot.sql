UNPIVOT (SELECT week, p50_ms, p95_ms, p99_ms FROM (VALUES (202653, 1.0, 2.0, 3.0)) t(week, p50_ms, p95_ms, p99_ms)) ON p50_ms, p95_ms, p99_ms INTO NAME percentile VALUE ms
