-- There and back, across both changes of clocks, and in zones with odd offsets.
SELECT t, zone, t AT TIME ZONE zone AS local, (t AT TIME ZONE zone) AT TIME ZONE zone AS back, extract('hour' FROM t AT TIME ZONE zone) AS hour
FROM (VALUES (TIMESTAMPTZ '2026-10-25 00:30:00+00'), (TIMESTAMPTZ '2026-10-25 01:30:00+00'), (TIMESTAMPTZ '2026-03-29 01:00:00+00')) x(t), (VALUES ('Europe/Berlin'), ('Asia/Kathmandu'), ('UTC')) z(zone) ORDER BY ALL
