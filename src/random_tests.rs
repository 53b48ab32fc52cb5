//! Random input for the parts that read what anybody may send before the jail has it, and for those that
//! decide: they never panic, and what they promise holds. `FUZZ_CASES` sets the number of cases (`just
//! fuzz`).

use std::time::{Duration, Instant};

use crate::query::{
    Context, Dialect, QueryModel, TimeRange, TokenKind, Variable, Variables, prepare, tokens,
};
use crate::source::{LocalSettings, Policy};
use crate::{engine, protocol};

const CASES: u64 = 40_000;
/// What SQL, macros, JSON and trees are made of; random texts are strung together from these and random
/// characters.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "SELECT ", " FROM ", "WITH a AS (", "COPY ", "INSERT ", " PIVOT ", " ON ", " IN ", " USING ", "EXPLAIN ", "ANALYZE ",
    "(FORMAT json)", "$__timeFilter(", "$__timeGroup(", "$__weekFilter(", "$__conditionalAll(", "$__interval", "$__", "${v}",
    "${v:raw}", "${v:csv}", "$v", "[[v]]", "[[v:", "'", "''", "\"", "$$", "$a$", "--", "/*", "*/", "\n", "\r\n", ";", "(", ")", "[",
    "]", "{", "}", ",", ":", "::", ".", "\\", "\\\"", "\\u0000", "\\ud800", "\0", "\u{feff}", "\u{2028}", "\u{202e}", "ß", "💥",
    "1", "1e9", "-0.5", "0x", "E'", "x", "table", "\"type\":\"COPY_QUERY_NODE\"", "\"class\":\"FUNCTION\"", "\"function_name\":",
    "\"rawSql\":", "\"format\":", "\"variables\":", "\"path\":", "\"paths\":", "true", "null", "/etc/passwd", "/data/r/..", "`",
    "5m", "NULL", "previous", " ", "\t", "U&'", "b'", "n'", "a$", "$__q$", "$q$", "${", "\u{1}", "\u{7f}", "\u{1f}", "\u{a0}", "\u{2003}",
    "\u{3000}", "\u{202f}", "E'\\'", "/*'*/", "`'`", "--'\n", "\r", "e5", "1..", "_1", "{'a': 1}", "lambda x:", "query(", "?", "$1",
];

/// A small generator (xorshift): cheap enough for millions of texts.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..=self.next(24) {
            match self.next(8) {
                0 => text.extend(char::from_u32(u32::try_from(self.next(0x0011_0000)).unwrap())),
                1 => text.push(char::from(u8::try_from(self.next(128)).unwrap())),
                2 if !text.is_empty() => {
                    // Something of the text again, as real texts repeat themselves.
                    let from = text.floor_char_boundary(self.next(text.len()));
                    let again = text[from..].chars().take(8).collect::<String>();
                    text.push_str(&again);
                }
                _ => text.push_str(PIECES[self.next(PIECES.len())]),
            }
        }
        text
    }
}

/// Runs `check` with random texts on two threads; a panic tells the seed.
fn each_text(name: &str, check: impl Fn(&mut Random, &str) + Sync) {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    let started = Instant::now();
    let seed = u64::from(std::process::id()) << 20 | u64::from(started.elapsed().subsec_nanos() & 0xffff);
    std::thread::scope(|scope| {
        for half in 0..2 {
            let check = &check;
            scope.spawn(move || {
                for case in 0..cases / 2 {
                    let seed = (seed + half * cases + case).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                    let mut random = Random(seed);
                    let text = random.text();
                    let result =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut random, &text)));
                    assert!(result.is_ok(), "{name}, seed {seed}: {text:?}");
                }
            });
        }
    });
    println!("{name}: {cases} cases in {:.1} s", started.elapsed().as_secs_f64());
}

fn expand(sql: &str, variables: &Variables) -> grafana_sql_macros::Result<crate::query::Prepared> {
    let range = TimeRange::from_millis(1_767_225_600_000, 1_798_761_599_000);
    let (dialect, interval) = (Dialect::DuckDb, Duration::from_mins(1));
    prepare(sql, &Context { dialect, range, interval, max_data_points: 100, variables, slow_ms: 100.0 })
}

#[test]
fn tokens_tile_every_text() {
    each_text("lexer", |_, text| {
        let mut end = 0;
        for token in tokens(text) {
            assert_eq!(token.start, end);
            assert!(!token.text.is_empty());
            end = token.end();
        }
        assert_eq!(end, text.len());
    });
}

#[test]
fn macros_and_variables_expand_or_say_why() {
    each_text("macros and variables", |random, text| {
        let value = random.text();
        let mut variables = Variables::default();
        variables.insert("v", Variable::from(value.as_str()));
        match expand(text, &variables) {
            Ok(prepared) => {
                if !text.contains('$') && !text.contains("[[") {
                    assert_eq!(prepared.sql, text);
                }
                let at = random.next(prepared.sql.len() + 1);
                assert!(prepared.offsets.to_original(at) <= text.len());
            }
            Err(error) => {
                assert!(!error.message.is_empty() && error.position.is_none_or(|at| at <= text.len()));
            }
        }
    });
}

#[test]
fn a_value_never_leaves_its_literal() {
    each_text("values in literals", |random, value| {
        if value == "$__all" {
            return;
        }
        let mut variables = Variables::default();
        variables.insert("v", Variable::from(value));
        let written =
            ["SELECT $v", "SELECT '$v'", "SELECT [[v]]", "SELECT ${v:sqlstring}", "SELECT '%${v}%'"];
        let sql = expand(written[random.next(written.len())], &variables).unwrap().sql;
        let found: Vec<_> = tokens(&sql).filter(|token| !token.is_blank()).collect();
        assert_eq!(found.len(), 2, "{sql}");
        assert_eq!(found[1].kind, TokenKind::String, "{sql}");
    });
}

#[test]
fn query_models_settings_and_policies_are_read_or_refused() {
    each_text("query model, settings, policy", |random, text| {
        let quoted = serde_json::json!(text).to_string();
        for json in [
            text.to_owned(),
            format!("{{{text}}}"),
            format!("{{\"rawSql\":{quoted},\"format\":{text}}}"),
            format!("{{\"rawSql\":{quoted},\"variables\":{{\"a\":{quoted},\"b\":[{text}]}}}}"),
            format!("{{\"path\":{quoted},\"paths\":[{text}],\"threads\":{quoted}}}"),
        ] {
            let _ = QueryModel::from_json(json.as_bytes());
            let _ = LocalSettings::parse(json.as_bytes(), text);
        }
        let other = random.text();
        let _ = Policy::from_env(|name| match name {
            "GF_PLUGIN_THREADS" | "GF_PLUGIN_REQUIRE_JAIL" => Some(text.to_owned()),
            "GF_PLUGIN_ALLOWED_PATHS" => Some(format!("relative{other}")),
            _ => None,
        });
    });
}

#[test]
fn the_lexer_cuts_as_duckdb_does_and_the_gate_reads_any_text_and_tree() {
    each_text("gate", |_, text| engine::read_anything(text));
}

#[test]
fn messages_of_a_worker_are_read_or_refused() {
    each_text("worker messages", |random, text| protocol::read_anything(text, random.next(64)));
}
