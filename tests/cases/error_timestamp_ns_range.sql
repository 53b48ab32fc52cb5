-- error: Could not convert Timestamp to higher precision
SELECT TIMESTAMP '2300-01-01'::TIMESTAMP_NS AS t
