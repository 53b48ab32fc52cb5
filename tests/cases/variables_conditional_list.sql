-- var: pattern=a|b
-- var: other=$__all
SELECT * FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) t(pattern, n) WHERE $__conditionalAll(pattern IN ($pattern), $pattern) AND $__conditionalAll(n IN ($other), $other) ORDER BY ALL
