//! What the operator decides, over the head of the datasource.
//!
//! Grafana hands the keys of its ini section `[plugin.duckdb-perf-datasource]` to the plugin as environment
//! variables `GF_PLUGIN_<KEY>`; the command line reads the same ones.

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};

/// Folders nobody may read through a datasource unless `allowed_paths` says so: the system's own, and those
/// where Grafana keeps its database, its configuration and its plugins.
const PROTECTED: &[&str] = &[
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/var/lib/grafana",
    "/etc/grafana",
    "/usr/share/grafana",
    "/var/log/grafana",
];
const GRAFANA_PATHS: &[&str] = &[
    "GF_PATHS_DATA",
    "GF_PATHS_CONFIG",
    "GF_PATHS_PLUGINS",
    "GF_PATHS_PROVISIONING",
    "GF_PATHS_LOGS",
    "GF_PATHS_HOME",
];

/// The operator's policy. `None` leaves the datasource's value or the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The only folders and files datasources may name; empty means "all but the protected ones".
    pub allowed_paths: Vec<PathBuf>,
    /// Folders refused when `allowed_paths` is empty.
    pub protected_paths: Vec<PathBuf>,
    /// Upper bound of `memoryLimitMb`.
    pub memory_limit_mb: Option<u64>,
    /// Upper bound of `threads`.
    pub threads: Option<u64>,
    /// Upper bound of `timeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// Upper bound of `maxRows`.
    pub max_rows: Option<u64>,
    /// Upper bound of `maxResultMb`.
    pub max_result_mb: Option<u64>,
    /// Seconds after its last query until a worker is stopped; ten minutes when not set.
    pub idle_seconds: Option<u64>,
    /// Where workers keep their temp folders.
    pub temp_dir: Option<PathBuf>,
}

impl Policy {
    /// Reads the policy from `variable(name)`, usually the process's environment.
    ///
    /// # Errors
    /// [`Kind::BadSettings`] naming the key of a value that cannot be used.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |key: &str| variable(&format!("GF_PLUGIN_{key}")).filter(|value| !value.trim().is_empty());
        let whole = |key: &str| match text(key) {
            None => Ok(None),
            Some(value) => {
                value.trim().parse().ok().filter(|&number: &u64| number > 0).map(Some).ok_or_else(|| {
                    let key = key.to_lowercase();
                    Error::bad_settings(format!(
                        "the operator's setting `{key}` must be a whole number of at least 1, not `{value}`"
                    ))
                    .hint(format!("Correct `{key}` in the ini section [plugin.duckdb-perf-datasource]"))
                })
            }
        };
        let absolute = |key: &str, path: &str| {
            let path = PathBuf::from(path.trim());
            if path.is_absolute() {
                return Ok(path.canonicalize().unwrap_or(path));
            }
            let key = key.to_lowercase();
            Err(Error::bad_settings(format!(
                "the operator's setting `{key}` needs absolute paths, not `{}`",
                path.display()
            ))
            .hint(format!("Correct `{key}` in the ini section [plugin.duckdb-perf-datasource]")))
        };
        let allowed_paths = text("ALLOWED_PATHS")
            .iter()
            .flat_map(|list| list.split([',', '\n']))
            .filter(|path| !path.trim().is_empty())
            .map(|path| absolute("ALLOWED_PATHS", path))
            .collect::<Result<_>>()?;
        let grafana = GRAFANA_PATHS.iter().filter_map(|name| variable(name)).map(PathBuf::from);
        let protected_paths = PROTECTED
            .iter()
            .map(PathBuf::from)
            .chain(grafana.filter(|path| path.is_absolute() && path.parent().is_some()))
            .map(|path| path.canonicalize().unwrap_or(path))
            .collect();
        Ok(Self {
            allowed_paths,
            protected_paths,
            memory_limit_mb: whole("MEMORY_LIMIT_MB")?,
            threads: whole("THREADS")?,
            timeout_seconds: whole("TIMEOUT_SECONDS")?,
            max_rows: whole("MAX_ROWS")?,
            max_result_mb: whole("MAX_RESULT_MB")?,
            idle_seconds: whole("IDLE_SECONDS")?,
            temp_dir: text("TEMP_DIR").map(|path| absolute("TEMP_DIR", &path)).transpose()?,
        })
    }

    /// Whether a datasource may read `path`, which must be canonical.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] with the setting that would allow it.
    pub fn check(&self, path: &Path) -> Result<()> {
        let hint = format!(
            "A server administrator can add `{}` to `allowed_paths` in the ini section [plugin.duckdb-perf-datasource]",
            path.display()
        );
        if !self.allowed_paths.is_empty() {
            return if self.allowed_paths.iter().any(|allowed| path.starts_with(allowed)) {
                Ok(())
            } else {
                Err(Error::new(
                    Kind::Forbidden,
                    format!("`{}` is outside the folders that the server's policy allows", path.display()),
                )
                .hint(hint))
            };
        }
        // A folder above a protected one would open it as well.
        match self.protected_paths.iter().find(|own| path.starts_with(own) || own.starts_with(path)) {
            None => Ok(()),
            Some(own) => Err(Error::new(
                Kind::Forbidden,
                format!(
                    "`{}` is not opened because `{}` belongs to Grafana or the system",
                    path.display(),
                    own.display()
                ),
            )
            .hint(hint)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pairs: &[(&str, &str)]) -> Result<Policy> {
        Policy::from_env(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn protected_folders_and_those_above_them_are_refused() {
        let policy = policy(&[("GF_PATHS_DATA", "/srv/grafana/data")]).unwrap();
        for path in ["/", "/etc", "/etc/ssl", "/proc/self", "/var/lib", "/srv", "/srv/grafana/data/x"] {
            assert_eq!(policy.check(Path::new(path)).unwrap_err().kind, Kind::Forbidden, "{path}");
        }
        assert!(policy.check(Path::new("/srv/grafana/database")).is_ok());
        assert!(policy.check(Path::new("/home/me/reports")).is_ok());
    }

    #[test]
    fn allowed_paths_are_all_there_is() {
        let policy = policy(&[("GF_PLUGIN_ALLOWED_PATHS", "/data/reports, /etc/reports")]).unwrap();
        assert!(policy.check(Path::new("/data/reports/a.duckdb")).is_ok());
        assert!(policy.check(Path::new("/etc/reports")).is_ok());
        let error = policy.check(Path::new("/data/reports2")).unwrap_err();
        assert!(error.full_text().contains("allowed_paths"), "{error:?}");
    }

    #[test]
    fn bad_values_name_their_key() {
        let error = policy(&[("GF_PLUGIN_THREADS", "many")]).unwrap_err();
        assert_eq!(
            error.message,
            "the operator's setting `threads` must be a whole number of at least 1, not `many`"
        );
        assert!(
            policy(&[("GF_PLUGIN_ALLOWED_PATHS", "reports")]).unwrap_err().message.contains("allowed_paths")
        );
    }
}
