-- error: unknown letters `yyyy` in `${__from:date:yyyy-MM-dd}`
SELECT '${__from:date:yyyy-MM-dd}'
