-- Duplicate and quoted column names.
SELECT 1 AS a, 2 AS a, 3 AS " ", 4 AS "with ""quotes""", 5 AS "ä", 6 AS A
