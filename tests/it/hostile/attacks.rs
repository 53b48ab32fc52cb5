//! The attacks of `tests/hostile/`: `-- name:` begins one, its text follows. `{folder}`, `{db}`, `{outside}`, `{home}`,
//! `{temp}`, `{port}`, `{broker}` and `{NUL}` are filled in; `{N*text}` is the text N times.

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
}

const GROUPS: &[&str] =
    &["writes", "hidden_writes", "reads", "state", "secrets", "odd_texts", "macros_and_variables", "denial"];

/// All attacks, against `sandbox`.
pub(super) fn all(sandbox: &Sandbox, port: u16) -> Vec<Attack> {
    GROUPS
        .iter()
        .flat_map(|group| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hostile/{group}.sql"));
            let text = std::fs::read_to_string(&file).unwrap();
            let texts: Vec<_> = text.split("-- name: ").skip(1).map(str::to_owned).collect();
            texts.into_iter().map(|text| one(group, &text, sandbox, port)).collect::<Vec<_>>()
        })
        .collect()
}

fn one(group: &'static str, text: &str, sandbox: &Sandbox, port: u16) -> Attack {
    let (name, rest) = text.split_once('\n').unwrap();
    let mut attack = Attack {
        group,
        name: name.to_owned(),
        sql: String::new(),
        variables: Value::Null,
        tells_nothing: false,
        by_stat: false,
    };
    let mut body = rest;
    while let Some((line, after)) = body.split_once('\n') {
        if let Some(variables) = line.strip_prefix("-- variables: ") {
            attack.variables = serde_json::from_str(&fill(variables, sandbox, port)).unwrap();
        } else if line == "-- tells: nothing" {
            attack.tells_nothing = true;
        } else if line == "-- by: stat" {
            attack.by_stat = true;
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
    repeat(&text)
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
