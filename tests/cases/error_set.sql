-- error: not allowed
SET memory_limit = '100GB'
