-- from: 2026-12-28T00:00:00Z
-- to: 2027-01-10T23:59:59Z
SELECT $__weekFrom() AS first, $__weekTo() AS last, $__week(-1) AS before_last, $__weekTime(202653) AS monday, /* $__nothing() */ '$__weekFrom()' AS text
