//! Names and texts that would break out of their quotes, where the gate puts together what runs from parts of
//! what was sent. As they are written, none of them does harm.

use super::attacks::Attack;

/// What would run.
const PAYLOAD: &str = "; CREATE TABLE memory.main.witness AS SELECT 1 AS a; ";

/// What a name or a text holds; `@` is the payload.
const CONTENTS: &[&str] = &[
    "x\"@--",
    "x\"\"@--",
    "x'@--",
    "x''@--",
    "x`@--",
    "x)@(SELECT 1",
    "x\"'`)@--",
    "$$@$$",
    "$a$@$a$",
    "x\\'@--",
    "*/@/*",
    "--\n@\n--",
    "x\" FROM t) ON a@--",
    "\u{a0}'\"@\u{a0}",
    "${a}$__q$@$__q$",
];

/// Where a name stands: at `~`.
const NAMES: &[&str] = &[
    "PIVOT (SELECT 1 AS ~, 2 AS b) ON ~ USING sum(b)",
    "PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b) AS ~",
    "PIVOT (SELECT 1 AS a, 2 AS b, 3 AS ~) ON a USING sum(b) GROUP BY ~",
    "PIVOT (SELECT 1 AS a) ~ ON a",
    "PIVOT (SELECT 1 AS a) AS ~(~) ON ~",
    "PIVOT (SELECT ~.a FROM t AS ~) ON a",
    "PIVOT (SELECT ~.* FROM t AS ~) ON a",
    "PIVOT (SELECT * EXCLUDE (~) FROM (SELECT 1 AS a, 2 AS ~)) ON a",
    "PIVOT (SELECT * REPLACE (1 AS ~) FROM (SELECT 1 AS a, 2 AS ~)) ON a",
    "PIVOT (SELECT * RENAME (b AS ~) FROM (SELECT 1 AS a, 2 AS b)) ON a",
    "PIVOT (SELECT {~: 1} AS s, 1 AS a) ON a",
    "PIVOT (SELECT struct_pack(~ := 1) AS s, 1 AS a) ON a",
    "PIVOT (SELECT s.~ AS a FROM (SELECT {~: 1} AS s)) ON a",
    "PIVOT (SELECT [1].list_transform(lambda ~: ~ + 1) AS l, 1 AS a) ON a",
    "PIVOT (SELECT [~ FOR ~ IN [1]] AS l, 1 AS a) ON a",
    "WITH ~ AS (SELECT 1 AS a) PIVOT ~ ON a",
    "WITH ~(~) AS (SELECT 1 AS a) PIVOT ~ ON ~",
    "WITH RECURSIVE ~ AS (SELECT 1 AS a UNION SELECT a + 1 FROM ~ WHERE a < 3) PIVOT ~ ON a",
    "PIVOT (SELECT sum(1) OVER ~ AS a FROM t WINDOW ~ AS (PARTITION BY a)) ON a",
    "PIVOT (SELECT CAST(1 AS ~) AS a) ON a",
    "PIVOT (SELECT 'x' COLLATE ~ AS a) ON a",
    "PIVOT ~ ON a",
    "PIVOT (FROM ~.~.~) ON a",
    "PIVOT (SELECT ~(1) AS a) ON a",
    "PIVOT (SELECT 1 AS a) ON a IN ~",
    "PIVOT (SELECT 1 AS a) ON a IN (1 AS ~)",
    "FROM (SELECT 1 AS a) PIVOT (count(*) AS ~ FOR a IN (1))",
    "UNPIVOT (SELECT 1 AS ~) ON ~ INTO NAME n VALUE v",
    "UNPIVOT (SELECT 1 AS x) ON x INTO NAME ~ VALUE v",
    "EXPLAIN SELECT 1 AS ~",
    "EXPLAIN (FORMAT ~) SELECT 1",
    "EXPLAIN (~) SELECT 1",
    "EXPLAIN (~ 1, FORMAT json) SELECT 1",
    "EXPLAIN (ANALYZE ~) SELECT 1",
    "EXPLAIN (ANALYZE (SELECT ~), FORMAT json) SELECT 1",
    "EXPLAIN ANALYZE PIVOT (SELECT 1 AS ~) ON ~",
    "DESCRIBE SELECT 1 AS ~",
    "DESCRIBE ~",
    "SUMMARIZE ~",
    "SHOW ~",
    "SHOW TABLES FROM ~",
    "SELECT TIME '01:00' AS ~",
    "SELECT ~ FROM (SELECT 1::UHUGEINT AS ~)",
];

/// Where a text stands: at `~`.
const TEXTS: &[&str] = &[
    "PIVOT (SELECT ~ AS a) ON a USING count(*)",
    "PIVOT (SELECT ~ AS a, ~ AS b) ON a, b",
    "PIVOT (SELECT ~ AS a) ON a IN (~)",
    "PIVOT (SELECT ~ AS a) ON a IN (SELECT ~)",
    "PIVOT (SELECT {'x': ~} AS a) ON a",
    "PIVOT (SELECT 'x' AS a) ON a || ~",
    "PIVOT (SELECT 1 AS a, 'b' AS b) ON a USING string_agg(b, ~)",
    "PIVOT (SELECT a FROM t WHERE a::VARCHAR LIKE ~ ESCAPE '!') ON a",
    "PIVOT (SELECT COLUMNS(~) FROM t) ON a",
    "PIVOT (SELECT INTERVAL ~ AS a) ON a",
    "PIVOT (SELECT DATE ~ AS a) ON a",
    "PIVOT (SELECT ~::BLOB AS a) ON a",
    "PIVOT (FROM read_csv(~)) ON a",
    "PIVOT ~ ON a",
    "EXPLAIN (FORMAT ~) SELECT 1",
    "EXPLAIN (ANALYZE ~) SELECT 1",
    "EXPLAIN SELECT ~ AS a",
    "DESCRIBE ~",
    "SUMMARIZE ~",
    "SHOW ~",
];

/// Every content in every place.
pub(super) fn all() -> Vec<Attack> {
    let quoted = |quote: char, content: &str| {
        let content = content.replace('@', PAYLOAD);
        format!("{quote}{}{quote}", content.replace(quote, &format!("{quote}{quote}")))
    };
    let mut attacks = Vec::new();
    for (index, content) in CONTENTS.iter().enumerate() {
        let quote = if index % 3 == 2 { '`' } else { '"' };
        let names = NAMES.iter().map(|place| (place, quote));
        for (place, quote) in names.chain(TEXTS.iter().map(|place| (place, '\''))) {
            let sql = place.replace('~', &quoted(quote, content));
            let mut attack = Attack::new("rebuilding", format!("{content:?} in `{place}`"), sql);
            attack.passes_the_gate = true;
            attacks.push(attack);
        }
    }
    attacks
}
