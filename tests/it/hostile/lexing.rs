//! Texts in which a reader who knows quotes, comments, blanks or names a little otherwise than DuckDB takes a
//! statement for a string, or the reverse: every such difference in every place where one was or may be.
//! Which of them do harm, a DuckDB without walls tells by doing it.

use duckdb::Connection;

use super::attacks::Attack;

/// What a difference is made of: what comes before the statement, what seems to open a string, and what seems
/// to close it.
struct Pair {
    name: String,
    before: String,
    open: String,
    close: String,
    /// Whether DuckDB takes both for names; otherwise `open` is an expression and `close` is not there.
    are_names: bool,
}

/// The Unicode characters that DuckDB takes for blanks, outside of what it takes for quotes.
const BLANKS: &str = "\u{a0}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{200b}\u{202f}\u{205f}\u{2060}\u{3000}\u{feff}";
/// Characters that look like blanks or ends of lines, or like nothing, and are part of a name.
const LIKE_BLANKS: &str =
    "\u{85}\u{ad}\u{1680}\u{180e}\u{200c}\u{200d}\u{200e}\u{2028}\u{2029}\u{2061}\u{fe0f}\u{10ffff}ü日😀";
/// Tags of dollar quotes.
const TAGS: &[&str] = &["a", "__a", "_", "A9", "__q", "ä", "日", "__timeFilter", ""];
/// What lets DuckDB's replacement of blanks believe that it is within quotes, or in a comment, where its
/// parser is not.
const CONFUSING: &[&str] =
    &["/* ' */ ", "/* \" */ ", "/* $q$ */ ", "/* $$ */ ", "/* -- */ ", "/* '' ' */ ", "/* /* ' */ */ "];
/// The same as an expression.
const CONFUSING_VALUES: &[&str] = &["`'`", "`\"`", "`$q$`", "p$z$", "`--`", "p$$"];

/// What runs if the difference is believed: behind a `;`, and in a CTE.
const SECOND: &str = "CREATE TABLE memory.main.witness AS SELECT 1 AS a";
const INNER: &str = "DELETE FROM t RETURNING a";

/// Every text that can be made; `tell_harm` says of which the gate is to stop them.
pub(super) fn all() -> Vec<Attack> {
    let pairs = names().into_iter().chain(texts());
    pairs
        .flat_map(|pair| texts_of(&pair).map(|(place, sql)| (format!("{} {place}", pair.name), sql)))
        .map(|(name, sql)| Attack::new("lexing", name, sql))
        .collect()
}

/// Finds which of these texts do harm, which takes time: the gate may let the others pass.
pub(super) fn tell_harm(attacks: &mut [Attack]) {
    let oracle = Oracle::new();
    for attack in attacks.iter_mut().filter(|attack| attack.group == "lexing") {
        attack.passes_the_gate = !oracle.harms(&attack.sql);
    }
}

/// A DuckDB that does what it is told.
struct Oracle(Connection);

impl Oracle {
    fn new() -> Self {
        let oracle = Self(Connection::open_in_memory().unwrap());
        oracle.restore();
        oracle
    }

    fn restore(&self) {
        let table = "CREATE OR REPLACE TABLE t AS SELECT range AS a FROM range(3)";
        self.0.execute_batch(&format!("{table}; DROP TABLE IF EXISTS memory.main.witness")).unwrap();
    }

    fn harms(&self, sql: &str) -> bool {
        // What it says does not matter, what it did does.
        let _ = self.0.execute_batch(sql);
        let done = "SELECT (SELECT count(*) FROM duckdb_tables() WHERE table_name = 'witness'), (SELECT count(*) FROM t)";
        let (witnesses, rows): (i64, i64) =
            self.0.query_row(done, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        if (witnesses, rows) != (0, 3) {
            self.restore();
        }
        witnesses + 3 - rows > 0
    }
}

/// Names that end in what looks like the beginning of a dollar quote.
fn names() -> Vec<Pair> {
    let controls = (1..0x20_u8).filter(|byte| !(9..=13).contains(byte)).chain([0x7f]).map(char::from);
    let odd = controls.chain(LIKE_BLANKS.chars()).flat_map(|c| [c.to_string(), format!("x{c}")]);
    let mut made: Vec<(&str, String, &str)> =
        odd.zip(TAGS.iter().copied().cycle()).map(|(glue, tag)| ("", glue, tag)).collect();
    for glue in ["", "x", "x_", "x9", "x$", "x$b"] {
        made.extend(TAGS.iter().map(|&tag| ("", glue.to_owned(), tag)));
    }
    for (index, blank) in BLANKS.chars().enumerate() {
        // Every one with every other would say nothing new.
        let confusing = CONFUSING.iter().take(if index % 6 == 0 { CONFUSING.len() } else { 1 });
        made.extend(
            confusing
                .flat_map(|&before| [blank.to_string(), format!("x{blank}")].map(|glue| (before, glue, "a"))),
        );
    }
    let mut pairs: Vec<Pair> = made
        .into_iter()
        .map(|(before, glue, tag)| Pair {
            name: format!("{before:?} a name with {glue:?} and ${tag}$"),
            before: before.to_owned(),
            open: format!("{glue}${tag}$"),
            close: format!("y{glue}${tag}$"),
            are_names: true,
        })
        .collect();
    for confusing in CONFUSING_VALUES {
        pairs.extend(BLANKS.chars().step_by(5).map(|blank| Pair {
            name: format!("a name with {blank:?} behind {confusing}"),
            before: format!("/* {confusing} */ "),
            open: format!("x{blank}$a$"),
            close: format!("y{blank}$a$"),
            are_names: true,
        }));
    }
    pairs
}

/// Strings that end sooner or later than they seem to: a quote in a comment closes what does.
fn texts() -> Vec<Pair> {
    let mut opens = Vec::new();
    for between in ["\n", "\r", "\r\n", " \n\t", " -- x\n", "\n-- x\n", "\u{c}\n", "\n\n", " "] {
        opens.extend([format!("E'a'{between}'\\'"), format!("e'\\''{between}'b\\'")]);
    }
    for prefix in
        ["", "n", "N", "x", "X", "b", "B", "u", "r", "_", "aE", "1e", "1E", "U&", "E ", "E\u{1}", "\u{1}E"]
    {
        opens.push(format!("{prefix}'\\'"));
    }
    for c in BLANKS.chars().chain(LIKE_BLANKS.chars().take(4)) {
        opens.extend([format!("${c}$ ' ${c}$"), format!("$a{c}$ ' $a{c}$")]);
    }
    for value in [
        "$a$ ' $a$",
        "$$ ' $$",
        "$ä$ ' $ä$",
        "$a$ $$ ' $a$",
        "$a$b$ ' $a$",
        "$$$a$ ' $$",
        "`'`",
        "\"'\"",
        "`a``'`",
    ] {
        opens.push(value.to_owned());
    }
    for comment in [
        "/* ' */",
        "/* /* ' */ */",
        "/*/ ' */",
        "/* ` */ /* ' */",
        "-- '\n",
        "-- '\r",
        "--\u{2028}'\n",
        "--\u{b}'\n",
        "--\u{85}'\n",
        "--\r-- '\n",
        "+-- '\n1",
        "*/* ' */1",
        "-/* ' */1",
        "::-- '\nINT",
        "->>-- '\n'a'",
    ] {
        opens.push(format!("1 {comment}"));
    }
    let closes = ["-- '\n", "/* ' */"].into_iter().cycle();
    let pair = |(open, close): (String, &str)| Pair {
        name: format!("{open:?}"),
        before: String::new(),
        open,
        close: close.to_owned(),
        are_names: false,
    };
    opens.into_iter().zip(closes).map(pair).collect()
}

/// A difference in every place, each with the place's name.
fn texts_of(pair: &Pair) -> [(&'static str, String); 8] {
    let Pair { before, open, close, are_names, .. } = pair;
    let (value, end) = match are_names {
        true => (format!("1 AS {open}"), format!("2 AS {close} ")),
        false => (format!("1, {open}"), format!("2 {close}")),
    };
    // The item of `ON` must be no constant.
    let behind_on = match are_names {
        true => format!(
            "PIVOT (SELECT 1 AS a, 2 AS b) ON{open} USING count(*) GROUP BY a; {SECOND}; FROM (SELECT 3 AS {}, 4 AS a) SELECT {close} || a",
            close.to_ascii_uppercase()
        ),
        false => format!("PIVOT (SELECT 1 AS a, 2 AS b) ON a || {open}; {SECOND}; SELECT 1 {close}"),
    };
    [
        (
            "in the options of EXPLAIN",
            format!("EXPLAIN (ANALYZE {open}) WITH c AS ({INNER}), z AS (SELECT {end}) SELECT 1"),
        ),
        ("behind PIVOT's ON", behind_on),
        ("before a second statement", format!("SELECT {value}; {SECOND}; SELECT {end}")),
        ("in what EXPLAIN explains", format!("EXPLAIN ANALYZE SELECT {value}; {SECOND}; SELECT {end}")),
        ("in what DESCRIBE describes", format!("DESCRIBE SELECT {value}; {SECOND}; SELECT {end}")),
        ("in the source of PIVOT", format!("PIVOT (SELECT 1 AS a, {value}) ON a; {SECOND}; SELECT {end}")),
        ("before a CTE", format!("WITH z AS (SELECT {value}), c AS ({INNER}), y AS (SELECT {end}) SELECT 1")),
        (
            "in a CTE of PIVOT",
            format!(
                "PIVOT (WITH z AS (SELECT {value}), c AS ({INNER}), y AS (SELECT {end}) SELECT 1 AS a) ON a"
            ),
        ),
    ]
    .map(|(place, sql)| (place, format!("{before}{sql}")))
}

#[test]
fn the_texts_that_do_harm_are_many() {
    let mut all = all();
    tell_harm(&mut all);
    let harmful = all.iter().filter(|attack| !attack.passes_the_gate).count();
    println!("{} texts, {harmful} of which do harm", all.len());
    assert!(harmful >= 500 && all.len() - harmful >= 100, "{harmful} of {}", all.len());
}
