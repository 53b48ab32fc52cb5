//! Paths as texts: their parts, and where a link leads.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

/// Returns the path without a `file:` prefix: DuckDB takes `file:/a`, `file:///a` and `file://localhost/a`
/// for `/a`.
pub(super) fn local(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("file:") else { return path };
    let rest = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    if rest.starts_with('/') { rest } else { path }
}

/// Returns the names and `..` in a path, the last one first.
pub(super) fn parts(path: &Path) -> Vec<Vec<u8>> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.as_bytes().to_vec()),
        Component::ParentDir => Some(b"..".to_vec()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

/// Continues at the `target` of a link that lies in `at`.
pub(super) fn follow(target: &Path, at: &mut PathBuf, left: &mut Vec<Vec<u8>>) {
    if target.is_absolute() {
        *at = PathBuf::from("/");
    }
    left.extend(parts(target));
}
