-- What is no week has no Monday.
SELECT week, $__weekTime(week) AS monday FROM (VALUES (202601), (202653), (202553), (202660), (202600), (2601), (101), (0), (-5), (9999999999)) t(week) ORDER BY week
