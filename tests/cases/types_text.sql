SELECT 'it''s {a,b}' AS plain, '' AS empty, NULL::VARCHAR AS missing, 'ä€😀' AS unicode, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS uuid,
  'b'::ENUM('a', 'b') AS enum, '10110'::BIT AS bits, 'a\x00\xFFb'::BLOB AS blob, 'POINT (1 2)'::GEOMETRY AS point
