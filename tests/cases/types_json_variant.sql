SELECT '{"a": [1, null]}'::JSON AS json, NULL::JSON AS missing, 'x'::VARIANT AS variant, [1::VARIANT] AS variants, {'t': TIMETZ '10:00:00+02'} AS inside
