-- error: `COPY` statements are not allowed
COPY (SELECT 1) TO 'x.csv'
