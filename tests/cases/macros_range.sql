-- from: 2026-03-02T00:00:00Z
-- to: 2026-03-08T23:59:59.999Z
SELECT '$__range' AS range, $__range_s AS seconds, $__range_ms AS ms, '${__from:date:iso}' AS since, ${__to:date:seconds} AS until, $__slowMs AS slow, 'x' LIKE $__searchFilter AS found
