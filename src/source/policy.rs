//! The operator's policy, which overrides the datasource's settings.
//!
//! Grafana passes the keys of its ini section `[plugin.duckdb-perf-datasource]` to the plugin as environment
//! variables `GF_PLUGIN_<KEY>`; the command line reads the same variables.

use std::path::{Path, PathBuf};

use super::mounts::Mounts;
use crate::error::{Error, Kind, Result};
use crate::os::COOKIE_NAME;
use crate::rundir;

/// Folders that no datasource may read unless `allowed_paths` lists them: those of the system, those where
/// containers and services find their secrets, and those where Grafana keeps its database, configuration and
/// plugins.
const PROTECTED: &[&str] = &[
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/run/secrets",
    "/run/credentials",
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
    /// The only folders and files that datasources may name; if empty, all but the protected ones.
    pub allowed_paths: Vec<PathBuf>,
    /// Folders that are refused if `allowed_paths` is empty.
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
    /// Megabytes of results kept for equal queries; 0 keeps none; 64 if not set.
    pub cache_mb: Option<u64>,
    /// Seconds after its last query until a worker is stopped; ten minutes if not set.
    pub idle_seconds: Option<u64>,
    /// Where workers keep their temp folders.
    pub temp_dir: Option<PathBuf>,
    /// Whether to refuse every query if the kernel has no Landlock.
    pub require_jail: bool,
}

impl Policy {
    /// Reads the policy from `variable(name)`, usually the process's environment.
    ///
    /// # Errors
    /// [`Kind::BadSettings`] with the key of a value that cannot be used.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = |key: &str| variable(&format!("GF_PLUGIN_{key}")).filter(|value| !value.trim().is_empty());
        let at_least = |least: u64, key: &str| {
            match text(key) {
            None => Ok(None),
            Some(value) => {
                value.trim().parse().ok().filter(|&number: &u64| number >= least).map(Some).ok_or_else(|| {
                    let key = key.to_lowercase();
                    Error::bad_settings(format!(
                        "the operator's setting `{key}` must be a whole number of at least {least}, not `{value}`"
                    ))
                    .hint(format!("Correct `{key}` in the ini section [plugin.duckdb-perf-datasource]"))
                })
            }
        }
        };
        let whole = |key: &str| at_least(1, key);
        let switch = |key: &str| match text(key).unwrap_or_default().trim().to_lowercase().as_str() {
            "" | "false" | "0" | "no" | "off" => Ok(false),
            "true" | "1" | "yes" | "on" => Ok(true),
            other => {
                let key = key.to_lowercase();
                Err(Error::bad_settings(format!(
                    "the operator's setting `{key}` must be `true` or `false`, not `{other}`"
                ))
                .hint(format!("Correct `{key}` in the ini section [plugin.duckdb-perf-datasource]")))
            }
        };
        let absolute = |key: &str, path: &str| {
            let path = PathBuf::from(path.trim());
            if path.is_absolute() {
                return Ok(path.canonicalize().unwrap_or(path));
            }
            let list = if key == "ALLOWED_PATHS" {
                "; commas stand between paths, so that a folder with one in its name is allowed by the folder above it"
            } else {
                ""
            };
            let key = key.to_lowercase();
            Err(Error::bad_settings(format!(
                "the operator's setting `{key}` needs absolute paths, not `{}`",
                path.display()
            ))
            .hint(format!("Correct `{key}` in the ini section [plugin.duckdb-perf-datasource]{list}")))
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
            .chain(own_folders(std::env::current_exe().ok().as_deref(), variable(COOKIE_NAME).is_some()))
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
            cache_mb: at_least(0, "CACHE_MB")?,
            idle_seconds: whole("IDLE_SECONDS")?,
            temp_dir: text("TEMP_DIR").map(|path| absolute("TEMP_DIR", &path)).transpose()?,
            require_jail: switch("REQUIRE_JAIL")?,
        })
    }

    /// Returns the folder in which the plugin keeps its temp folders.
    #[must_use]
    pub fn temp_root(&self) -> PathBuf {
        let root = self.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        root.canonicalize().unwrap_or(root)
    }

    /// Checks that a datasource may read `path`, which must be canonical.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] with the setting that would allow the path, or with what else to do.
    pub fn check(&self, path: &Path) -> Result<()> {
        self.check_among(path, &Mounts::read())
    }

    fn check_among(&self, path: &Path, mounts: &Mounts) -> Result<()> {
        let refused = if self.allowed_paths.is_empty() {
            self.is_protected(path, mounts).then_some(
                "is not opened because it, or a folder in or above it, belongs to Grafana or the system",
            )
        } else {
            (!self.allowed_paths.iter().any(|allowed| path.starts_with(allowed)))
                .then_some("is outside the folders that the server's policy allows")
        };
        if let Some(why) = refused {
            return Err(Error::new(Kind::Forbidden, format!("`{}` {why}", path.display())).hint(format!(
                "A server administrator can add `{}` to `allowed_paths` in the ini section [plugin.duckdb-perf-datasource]",
                path.display()
            )));
        }
        // Not even `allowed_paths` gives access to what other datasources' queries have spilled.
        let root = self.temp_root();
        if shown_by(path, mounts).any(|shown| holds_temp_folders(shown, &root, mounts)) {
            let why = "is not opened because the plugin keeps its temp folders there, those of other datasources among them";
            return Err(Error::new(Kind::Forbidden, format!("`{}` {why}", path.display())).hint(
                "Put the reports into a folder of their own, which may lie in this one, or move the temp folders: `temp_dir` in the ini section [plugin.duckdb-perf-datasource], or the environment variable `TMPDIR`",
            ));
        }
        Ok(())
    }
}

impl Policy {
    /// Returns whether `path`, or anything mounted in it, overlaps a protected folder or anything mounted in
    /// one.
    fn is_protected(&self, path: &Path, mounts: &Mounts) -> bool {
        shown_by(path, mounts).any(|shown| {
            let mut protected = self.protected_paths.iter().flat_map(|own| shown_by(own, mounts));
            mounts.is_of_the_system(shown) || protected.any(|own| overlap(shown, own, mounts))
        })
    }
}

/// Returns `path` and all mount points below it.
fn shown_by<'a>(path: &'a Path, mounts: &'a Mounts) -> impl Iterator<Item = &'a Path> {
    std::iter::once(path).chain(mounts.within(path))
}

/// Returns whether one of two canonical paths is or holds the other, under any name. A folder above a
/// protected one would give access to it, and so would a bind mount or, on a file system that ignores case,
/// another spelling.
fn overlap(path: &Path, own: &Path, mounts: &Mounts) -> bool {
    holds(path, own, mounts) || holds(own, path, mounts)
}

/// Returns whether `outer` is or holds `inner`, under any name.
fn holds(outer: &Path, inner: &Path, mounts: &Mounts) -> bool {
    let is_shown =
        || mounts.place(inner).zip(mounts.place(outer)).is_some_and(|(inner, outer)| inner.is_within(&outer));
    inner.starts_with(outer)
        || identity(outer).is_some_and(|id| inner.ancestors().any(|at| identity(at) == Some(id)))
        || is_shown()
}

/// Returns whether `path` gives access to a temp folder of the plugin: it is one, lies in one, or holds
/// `root`, where they are. Other files and folders in `root` do not count.
fn holds_temp_folders(path: &Path, root: &Path, mounts: &Mounts) -> bool {
    let is_one = |path: &Path| {
        let is_named_so = path.file_name().and_then(|name| name.to_str()).is_some_and(rundir::is_name);
        let is_root = |parent: &Path| holds(parent, root, mounts) && holds(root, parent, mounts);
        is_named_so && path.parent().is_some_and(is_root)
    };
    holds(path, root, mounts) || path.ancestors().any(is_one)
}

/// Returns the device and the inode of a path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Returns where this plugin is installed: Grafana's plugins folder, and Grafana's data folder if that is its
/// parent. The folder above the plugin's is a plugins folder if Grafana starts this process or `grafana.db`
/// is above it. It may be any folder if a person tries the executable where the plugin was unpacked.
fn own_folders(executable: Option<&Path>, is_started_by_grafana: bool) -> Vec<PathBuf> {
    let Some(plugin) = executable.and_then(Path::parent).filter(|dir| dir.join("plugin.json").is_file())
    else {
        return Vec::new();
    };
    let plugins = plugin.parent().filter(|folder| folder.parent().is_some());
    let data = plugins.and_then(Path::parent).filter(|folder| folder.join("grafana.db").is_file());
    let plugins = plugins.filter(|_| is_started_by_grafana || data.is_some());
    [Some(plugins.unwrap_or(plugin)), data].into_iter().flatten().map(Path::to_owned).collect()
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
    fn where_containers_and_services_find_their_secrets_is_protected() {
        let policy = policy(&[]).unwrap();
        for path in ["/run", "/run/secrets", "/run/secrets/kubernetes.io", "/run/credentials/grafana.service"]
        {
            assert_eq!(policy.check(Path::new(path)).unwrap_err().kind, Kind::Forbidden, "{path}");
        }
        assert!(policy.check(Path::new("/run/media/me/disk")).is_ok());
    }

    #[test]
    fn the_plugins_temp_folders_are_in_no_datasource() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().canonicalize().unwrap();
        let root = parent.join("temp");
        let run = root.join("duckdb-perf-77-abc");
        std::fs::create_dir_all(run.join("worker-x")).unwrap();
        std::fs::create_dir(root.join("demo")).unwrap();
        std::os::unix::fs::symlink(&root, parent.join("TEMP")).unwrap();
        // First with everything allowed, then without `allowed_paths`.
        for allowed in ["/".to_owned(), String::new()] {
            let root = root.to_str().unwrap();
            let policy =
                policy(&[("GF_PLUGIN_TEMP_DIR", root), ("GF_PLUGIN_ALLOWED_PATHS", &allowed)]).unwrap();
            for path in ["", "temp", "TEMP", "temp/duckdb-perf-77-abc", "TEMP/duckdb-perf-77-abc/worker-x"] {
                let error = policy.check(parent.join(path).as_path()).unwrap_err();
                assert!(error.message.contains("keeps its temp folders there"), "{path}: {error}");
                assert!(error.hint.unwrap().contains("`temp_dir`"), "{path}");
            }
            for path in ["temp/demo", "temp/demo/duckdb-perf-77-abc", "duckdb-perf-2026-reports"] {
                assert!(policy.check(parent.join(path).as_path()).is_ok(), "{path}");
            }
        }
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
    fn another_name_of_a_protected_folder_does_not_help() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("grafana/data")).unwrap();
        std::fs::create_dir(dir.path().join("reports")).unwrap();
        // A link stands for a folder that is spelled differently or mounted twice.
        std::os::unix::fs::symlink(dir.path().join("grafana"), dir.path().join("GRAFANA")).unwrap();
        let own = dir.path().join("grafana/data");
        for (path, expected) in
            [("GRAFANA", true), ("GRAFANA/data", true), ("GRAFANA/data/x", true), ("reports", false)]
        {
            assert_eq!(overlap(&dir.path().join(path), &own, &Mounts::default()), expected, "{path}");
        }
    }

    /// A mount may make a protected folder visible below or beside the folder that a datasource names.
    #[test]
    fn what_is_mounted_in_a_folder_is_looked_at_like_the_folder() {
        let table = "\
25 1 8:1 / / rw - ext4 /dev/sda1 rw
31 25 8:1 /etc /srv/up/etcbind rw - ext4 /dev/sda1 rw
32 25 0:40 / /srv/grafana/data/sub rw - tmpfs tmpfs rw
33 25 0:40 / /srv/beside/sub rw - tmpfs tmpfs rw
34 25 0:41 / /srv/jail/p rw - proc proc rw
35 25 8:1 /srv/temp /srv/z/tmpbind rw - ext4 /dev/sda1 rw
36 25 8:2 / /srv/disk/reports rw - ext4 /dev/sda2 rw
";
        let mounts = Mounts::parse(table);
        let folders = [("GF_PATHS_DATA", "/srv/grafana/data"), ("GF_PLUGIN_TEMP_DIR", "/srv/temp")];
        let free = policy(&folders).unwrap();
        for path in [
            "/srv/up",
            "/srv/up/etcbind",
            "/srv/up/etcbind/ssl",
            "/srv/beside",
            "/srv/beside/sub",
            "/srv/beside/sub/x",
            "/srv/jail",
            "/srv/jail/p",
            "/srv/jail/p/1",
            "/srv/z",
            "/srv/z/tmpbind",
        ] {
            assert_eq!(
                free.check_among(Path::new(path), &mounts).unwrap_err().kind,
                Kind::Forbidden,
                "{path}"
            );
        }
        for path in ["/srv/disk", "/srv/disk/reports", "/srv/up/reports", "/srv/beside/other"] {
            assert!(free.check_among(Path::new(path), &mounts).is_ok(), "{path}");
        }
        let listed = [folders[0], folders[1], ("GF_PLUGIN_ALLOWED_PATHS", "/srv")];
        let listed = policy(&listed).unwrap();
        assert!(listed.check_among(Path::new("/srv/z"), &mounts).is_err());
        assert!(listed.check_among(Path::new("/srv/up/etcbind"), &mounts).is_ok(), "its operator says so");
    }

    #[test]
    fn the_plugins_own_folder_and_grafanas_data_are_protected() {
        let data = tempfile::tempdir().unwrap();
        let plugin = data.path().join("plugins/duckdb-perf-datasource");
        std::fs::create_dir_all(&plugin).unwrap();
        let executable = plugin.join("gpx_duckdb_perf_linux_amd64");
        let executable = Some(executable.as_path());
        assert_eq!(own_folders(executable, true), Vec::<PathBuf>::new(), "not an installed plugin");
        std::fs::write(plugin.join("plugin.json"), "{}").unwrap();
        assert_eq!(own_folders(executable, true), [data.path().join("plugins")]);
        assert_eq!(own_folders(executable, false), [plugin.as_path()], "unpacked anywhere");
        std::fs::write(data.path().join("grafana.db"), "").unwrap();
        for is_started_by_grafana in [true, false] {
            let own = own_folders(executable, is_started_by_grafana);
            assert_eq!(own, [data.path().join("plugins"), data.path().to_owned()]);
        }
    }

    #[test]
    fn bad_values_name_their_key() {
        let error = policy(&[("GF_PLUGIN_THREADS", "many")]).unwrap_err();
        assert_eq!(
            error.message,
            "the operator's setting `threads` must be a whole number of at least 1, not `many`"
        );
        assert_eq!(policy(&[("GF_PLUGIN_CACHE_MB", "0")]).unwrap().cache_mb, Some(0), "off");
        let error = policy(&[("GF_PLUGIN_CACHE_MB", "-1")]).unwrap_err();
        assert!(error.message.contains("`cache_mb` must be a whole number of at least 0"), "{error:?}");
        assert!(policy(&[("GF_PLUGIN_REQUIRE_JAIL", "true")]).unwrap().require_jail);
        assert!(
            policy(&[("GF_PLUGIN_REQUIRE_JAIL", "maybe")]).unwrap_err().message.contains("`require_jail`")
        );
        assert!(
            policy(&[("GF_PLUGIN_ALLOWED_PATHS", "reports")]).unwrap_err().message.contains("allowed_paths")
        );
    }
}
