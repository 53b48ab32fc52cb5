-- Macros stay untouched in comments and strings; brackets in arguments are balanced.
SELECT /* $__timeFilter( */ '$__timeFilter(x)' AS text, -- $__nothing
  $__timeGroup(coalesce(t, TIMESTAMP '2026-01-01', greatest(t, t)), '1d') AS day, "$__timeFrom" AS quoted FROM (VALUES (TIMESTAMP '2026-03-01 12:00', 5)) x(t, "$__timeFrom")
