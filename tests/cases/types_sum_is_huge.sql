-- sum() of integers is HUGEINT and must stay a number.
SELECT sum(range) AS total, count(*) AS n, avg(range) AS mean FROM range(10)
