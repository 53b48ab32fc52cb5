-- A name that SQL must quote is quoted in the remedy.
SELECT 9007199254740993 AS "total rows", 'infinity'::DATE AS "ends ""when"""
