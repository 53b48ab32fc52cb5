//! The attacks of `tests/hostile/`: `-- name:` begins one, its text follows. `{folder}`, `{db}`, `{outside}`,
//! `{home}`, `{temp}`, `{port}`, `{broker}` and `{NUL}` are filled in; `{N*text}` is the text N times,
//! `{u+00a0}` a character by its number.

use std::path::Path;

use serde_json::Value;

use super::sandbox::Sandbox;

/// One attack.
pub(super) struct Attack {
    /// The file it is from.
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) variables: Value,
    /// No row may come back.
    pub(super) tells_nothing: bool,
    /// It asks for names and sizes, which DuckDB learns without opening the file.
    pub(super) by_stat: bool,
    /// The gate need not refuse it: it harms nothing by itself, or something else is there to stop it.
    pub(super) passes_the_gate: bool,
}

/// The files of attacks, and whether the gate is to stop all that is in them. What reads elsewhere is also
/// DuckDB's own `allowed_directories` to stop, what never ends is the deadline's and the memory watch's, and
/// what is odd may mean nothing.
const GROUPS: &[(&str, bool)] = &[
    ("writes", true),
    ("hidden_writes", true),
    ("lexer", true),
    ("state", true),
    ("reads", false),
    ("secrets", false),
    ("odd_texts", true),
    ("macros_and_variables", false),
    ("denial", false),
];

/// All attacks, against `sandbox`.
pub(super) fn all(sandbox: &Sandbox, port: u16) -> Vec<Attack> {
    GROUPS
        .iter()
        .flat_map(|&(group, is_the_gates)| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hostile/{group}.sql"));
            let text = std::fs::read_to_string(&file).unwrap();
            let texts: Vec<_> = text.split("-- name: ").skip(1).map(str::to_owned).collect();
            texts.into_iter().map(|text| one(group, is_the_gates, &text, sandbox, port)).collect::<Vec<_>>()
        })
        .collect()
}

fn one(group: &'static str, is_the_gates: bool, text: &str, sandbox: &Sandbox, port: u16) -> Attack {
    let (name, rest) = text.split_once('\n').unwrap();
    let mut attack = Attack::new(group, name.to_owned(), String::new());
    attack.passes_the_gate = !is_the_gates;
    let mut body = rest;
    while let Some((line, after)) = body.split_once('\n') {
        if let Some(variables) = line.strip_prefix("-- variables: ") {
            attack.variables = serde_json::from_str(&fill(variables, sandbox, port)).unwrap();
        } else if line == "-- tells: nothing" {
            attack.tells_nothing = true;
        } else if line == "-- by: stat" {
            attack.by_stat = true;
        } else if line == "-- gate: passes" {
            attack.passes_the_gate = true;
        } else {
            break;
        }
        body = after;
    }
    attack.sql = fill(body.strip_suffix("\n\n").unwrap_or(body), sandbox, port);
    attack
}

fn fill(text: &str, sandbox: &Sandbox, port: u16) -> String {
    let places = [
        ("{folder}", sandbox.folder().display().to_string()),
        ("{db}", sandbox.database().display().to_string()),
        ("{outside}", sandbox.outside().display().to_string()),
        ("{home}", sandbox.home().display().to_string()),
        ("{temp}", sandbox.temp().display().to_string()),
        ("{port}", port.to_string()),
        ("{broker}", std::process::id().to_string()),
        ("{NUL}", "\0".to_owned()),
    ];
    let text = places.into_iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, &value));
    repeat(&characters(&text))
}

/// Replaces every `{u+hex}`.
fn characters(text: &str) -> String {
    let mut parts = text.split("{u+");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, after) = part.split_once('}').unwrap();
        out.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
        out.push_str(after);
    }
    out
}

/// Replaces every `{N*text}`.
fn repeat(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let digits = from[1..].bytes().take_while(u8::is_ascii_digit).count();
        let repeated =
            from[1 + digits..].strip_prefix('*').filter(|_| digits > 0).and_then(|tail| tail.split_once('}'));
        if let Some((unit, after)) = repeated {
            out.push_str(&unit.repeat(from[1..=digits].parse().unwrap()));
            rest = after;
        } else {
            out.push('{');
            rest = &from[1..];
        }
    }
    out + rest
}

impl Attack {
    /// A text that the gate is to stop.
    pub(super) fn new(group: &'static str, name: String, sql: String) -> Self {
        Self {
            group,
            name,
            sql,
            variables: Value::Null,
            tells_nothing: false,
            by_stat: false,
            passes_the_gate: false,
        }
    }

    /// Whether it can be let loose without walls: it touches nothing but the sandbox's files.
    pub(super) fn stays_in_the_sandbox(&self) -> bool {
        let foreign = [
            "/etc",
            "/proc",
            "/dev",
            "'/*",
            "/**",
            "http",
            "s3:",
            "hf:",
            "gcs:",
            "azure:",
            "127.0.0.1",
            "~",
            "INSTALL",
            "LOAD",
            "md:",
            "EXTENSIONS",
            "/../*",
            "share",
        ];
        ["writes", "hidden_writes", "reads"].contains(&self.group)
            && !foreign.iter().any(|text| self.sql.contains(text))
    }
}
