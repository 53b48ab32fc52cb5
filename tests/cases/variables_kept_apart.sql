-- var: pattern=ts > $__from
-- What Grafana's frontend makes of values that look like variables, and a value that comes by itself.
SELECT 'ts > $${__nothing}__from AND [${__nothing}[x]]' AS text, $pattern AS value, 'a $__weekFrom() b' AS own
