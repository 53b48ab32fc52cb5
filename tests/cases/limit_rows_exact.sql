-- setting: maxRows=5
SELECT range AS n FROM range(5)
