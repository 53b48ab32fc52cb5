-- error: nothing_here.parquet
SELECT * FROM 'nothing_here.parquet'
