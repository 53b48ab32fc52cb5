SELECT [1, 2, NULL] AS list, {'a': 1, 'b': 'x'} AS struct, MAP {'k': 1.5} AS map, union_value(num := 2) AS union,
  [DATE '2026-01-01'] AS dates, [{'n': 170141183460469231731687303715884105727::HUGEINT}] AS deep, [] AS nothing
