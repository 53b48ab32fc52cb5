-- var: patterns=it's|{a,b}|x
-- var: one=o'clock
SELECT * FROM (VALUES ('it''s'), ('{a,b}'), ('y'), ('o''clock')) t(pattern) WHERE pattern IN ($patterns) OR pattern = $one OR pattern = '${one}' ORDER BY 1
