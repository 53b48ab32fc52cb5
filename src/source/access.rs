//! Which user may read a path, and which paths name a database file.

use std::path::Path;
use std::sync::Once;

use crate::error::{Error, Kind};

/// Returns the error for a path that may not be read. Every Viewer can see the error, so only the log names
/// the user.
pub(crate) fn denied(path: &Path, verb: &str, error: &std::io::Error) -> Error {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!("the plugin runs as {}, who may not read all that datasources name", user());
    });
    let message = format!("the user that the plugin runs as may not {verb} `{}`: {error}", path.display());
    Error::new(Kind::Forbidden, message).hint(
        "Give that user, whom the plugin's log names, read (and for folders execute) permission on it and on the folders above; under systemd look at `ProtectHome`",
    )
}

/// Describes the user that runs this process.
fn user() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let name = std::fs::read_to_string("/etc/passwd").ok().and_then(|users| {
        let uid = uid.to_string();
        users.lines().find_map(|line| {
            let mut parts = line.split(':');
            let name = parts.next()?;
            (parts.nth(1)? == uid).then(|| name.to_owned())
        })
    });
    match name {
        Some(name) => format!("the user `{name}` (uid {uid})"),
        None => format!("the user with uid {uid}"),
    }
}

pub(super) fn is_database_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["duckdb", "db", "ddb"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}
