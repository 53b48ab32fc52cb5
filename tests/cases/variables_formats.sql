-- var: list=b|a'c
-- var: one=it's
SELECT [[one]] AS brackets, '[[one]]' AS inside, '${list:csv}' AS csv, '${list:pipe}' AS pipe, ${one:sqlstring} AS sqlstring, [${list:sqlstring}] AS sqlstrings, [${list:singlequote}] AS singlequote,
  '${list:json}' AS json, '$one' || $$ $one $$ AS dollars -- $one
