//! The handshake between Grafana and the plugin: opens the socket and prints its address as one line on
//! stdout.
//!
//! The line has go-plugin's format (v1.7.0, `server.go`): core protocol 1, Grafana's protocol 2, network,
//! address, `grpc`. Nothing else is ever written to stdout.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;

use crate::error::{Error, Kind, Result};
use crate::os::COOKIE_NAME;
use crate::rundir::{self, RunDir};

/// The cookie's value; it is the same for every type of plugin.
const COOKIE_VALUE: &str = "datasource";
/// The environment variables that a host sets when it starts a plugin.
pub(super) const HOST_ENV: [(&str, &str); 2] =
    [(COOKIE_NAME, COOKIE_VALUE), ("PLUGIN_PROTOCOL_VERSIONS", "2")];

/// Whether Grafana, or another go-plugin host, started this process.
#[must_use]
pub fn is_grafana_child() -> bool {
    std::env::var_os(COOKIE_NAME).is_some_and(|value| value == COOKIE_VALUE)
}

/// Writes the handshake line to stdout.
fn announce(network: &str, address: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "1|2|{network}|{address}|grpc").and_then(|()| stdout.flush()).map_err(|error| {
        Error::new(Kind::Unavailable, format!("Grafana does not listen to the handshake: {error}"))
    })
}

/// The longest path of a socket in bytes: on Linux `sun_path` has 108 bytes, including the terminating zero.
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// Bytes reserved for the path below the parent directory: `/duckdb-perf-4194304-abcdef/plugin.sock` and a
/// margin.
const TAIL_BYTES: usize = 44;

/// The socket that Grafana connects to. Dropping this value removes the socket.
pub(super) struct Listening {
    /// The stream of incoming connections.
    pub(super) incoming: UnixListenerStream,
    /// The directory of the socket; it must outlive the server.
    pub(super) directory: RunDir,
}

/// Opens a unix socket in a new directory and prints the handshake line. `temp_dir` is the operator's
/// setting.
///
/// # Errors
/// `Unavailable` when no directory can hold a socket, or stdout is closed.
pub(super) fn listen(temp_dir: Option<&Path>) -> Result<Listening> {
    let group = std::env::var("PLUGIN_UNIX_SOCKET_GROUP").ok().filter(|group| !group.is_empty());
    let mut failures = Vec::new();
    for parent in parents(std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from), temp_dir) {
        match open(&parent, group.as_deref()) {
            Ok((listener, directory)) => {
                let path = directory.path().join("plugin.sock");
                let address = path.to_str().unwrap_or_default();
                announce("unix", address)?;
                // After the handshake line, because the host waits for it.
                std::thread::spawn(move || {
                    for swept in rundir::sweep(&parent) {
                        tracing::info!(path = %swept.display(), "removed what a killed process left behind");
                    }
                });
                let incoming = UnixListenerStream::new(listener);
                return Ok(Listening { incoming, directory });
            }
            Err(error) => failures.push(format!("`{}`: {error}", parent.display())),
        }
    }
    Err(Error::new(Kind::Unavailable, format!("no folder can hold the socket ({})", failures.join("; ")))
        .hint("Set `temp_dir` in the ini section [plugin.duckdb-perf-datasource] to a folder that Grafana's user may write"))
}

/// Returns the directories that may hold the socket, best first: the one that the host asks for, the
/// temporary directory, `/tmp`, the operator's `temp_dir` (the only writable one on a read-only root file
/// system). Paths that are too long or not UTF-8 are left out.
fn parents(wish: Option<PathBuf>, temp_dir: Option<&Path>) -> Vec<PathBuf> {
    let mut parents = Vec::new();
    let wish = wish.filter(|path| !path.as_os_str().is_empty());
    let usual = [std::env::temp_dir(), PathBuf::from("/tmp")];
    for parent in wish.into_iter().chain(usual).chain(temp_dir.map(Path::to_owned)) {
        let fits = parent.as_os_str().as_bytes().len() + TAIL_BYTES <= MAX_PATH_BYTES;
        if fits && parent.to_str().is_some() && !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

fn open(parent: &Path, group: Option<&str>) -> io::Result<(UnixListener, RunDir)> {
    let directory = RunDir::create(parent)?;
    let socket = directory.path().join("plugin.sock");
    let listener = UnixListener::bind(&socket)?;
    if let Some(group) = group {
        // The host names a group when it runs as another user of that group.
        let gid = group_id(group)?;
        for (path, mode) in [(directory.path(), 0o710), (&*socket, 0o660)] {
            std::os::unix::fs::chown(path, None, Some(gid))?;
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
    }
    Ok((listener, directory))
}

/// Returns the id of a group given by number or name.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(gid) = group.parse() {
        return Ok(gid);
    }
    find_group(&fs::read_to_string("/etc/group")?, group)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group `{group}`")))
}

/// Looks up a name in the text of `/etc/group`: `name:password:number:members`.
fn find_group(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_long_name_is_passed_over() {
        let long = PathBuf::from(format!("/{}", "x".repeat(90)));
        assert!(!parents(Some(long), None).is_empty());
        assert!(
            parents(Some(PathBuf::from(format!("/{}", "x".repeat(90)))), None)
                .iter()
                .all(|p| p.as_os_str().len() < 80)
        );
        assert_eq!(parents(Some(PathBuf::from("/run/x")), None).first(), Some(&PathBuf::from("/run/x")));
        assert_eq!(parents(Some(PathBuf::new()), None), parents(None, None));
        assert_eq!(parents(None, Some(Path::new("/spill"))).last(), Some(&PathBuf::from("/spill")));
    }

    #[test]
    fn groups_are_found_by_name() {
        let text = "root:x:0:\ngrafana:x:472:a,b\nbroken\n";
        assert_eq!(find_group(text, "grafana"), Some(472));
        assert_eq!(find_group(text, "graf"), None);
        assert_eq!(find_group(text, "broken"), None);
    }

    #[tokio::test]
    async fn a_group_may_enter_when_asked_for() {
        let parent = tempfile::tempdir().unwrap();
        let gid = rustix::process::getegid().as_raw().to_string();
        for (group, directory_mode, socket_mode) in [(None, 0o700, None), (Some(&*gid), 0o710, Some(0o660))] {
            let (_listener, directory) = open(parent.path(), group).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(directory.path()), directory_mode);
            if let Some(expected) = socket_mode {
                assert_eq!(mode(&directory.path().join("plugin.sock")), expected);
            }
        }
    }
}
