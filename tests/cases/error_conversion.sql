-- error: Could not convert string 'x' to INT32
SELECT 'x'::INTEGER + range FROM range(3)
