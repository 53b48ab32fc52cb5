-- error: comment
SELECT 1 /* never closed
