//! Tests of the walls one by one, each on a thread of its own: restrictions apply to the thread that asked
//! for them, and end with it.

#![expect(unsafe_code, reason = "system calls that no safe wrapper makes")]

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use landlock::ABI;

use super::*;
use crate::broker::{Disk, Room};
use crate::source::{LocalSettings, Policy, resolve};

mod captured;

/// Neither reads nor writes, and needs the rights to do both.
const FOURTH_MODE: libc::c_int = libc::O_ACCMODE;

/// Opens and closes a file. Returns the number of the error.
fn open(path: &Path, flags: libc::c_int) -> Result<(), i32> {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends in NUL; the descriptor is closed at once.
    let opened = unsafe { libc::openat(libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
    if opened < 0 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap());
    }
    // SAFETY: it was opened here.
    unsafe { libc::close(opened) };
    Ok(())
}

fn truncate(path: &Path) -> Result<(), i32> {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends in NUL.
    match unsafe { libc::truncate(path.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error().raw_os_error().unwrap()),
    }
}

/// Removes a file as C and C++ do; this crate wraps that function.
fn remove(path: &Path) -> Result<(), i32> {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends in NUL.
    match unsafe { libc::remove(path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error().raw_os_error().unwrap()),
    }
}

/// Runs `work` with the Landlock rules of version `newest`, and with seccomp if `filtered`.
fn jailed<T: Send + 'static>(
    place: &Place,
    newest: ABI,
    filtered: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (datasource, temp) = (place.datasource.clone(), place.temp.clone());
    std::thread::spawn(move || {
        assert_ne!(view::restrict(&datasource, &temp, newest).unwrap(), Enforced::No);
        if filtered {
            seccomp::apply(true).unwrap();
        }
        work()
    })
    .join()
    .unwrap()
}

struct Place {
    _root: tempfile::TempDir,
    datasource: Datasource,
    report: PathBuf,
    /// The worker's folder, as the broker sees it.
    disk: Disk,
    /// The subfolder in which the worker may write.
    temp: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().canonicalize().unwrap();
        let (folder, spills) = (path.join("reports"), path.join("temp"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&spills).unwrap();
        let disk = Disk::furnish(&spills).unwrap();
        let temp = disk.spill();
        let report = folder.join("a.parquet");
        fs::write(&report, "rows").unwrap();
        let json = serde_json::json!({ "path": folder }).to_string();
        let settings = LocalSettings::parse(json.as_bytes(), "").unwrap();
        let datasource = resolve(&settings, &Policy::default()).unwrap();
        Self { _root: root, datasource, report, disk, temp }
    }
}

/// Whatever the datasource's patterns match there.
#[test]
fn beside_a_database_file_only_reports_can_be_opened() {
    let place = Place::new();
    let folder = place.report.parent().unwrap().to_owned();
    let write = |name: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "rows").unwrap();
        path
    };
    let reports = ["query_perf_weekly_202601.parquet", "query_perf_weekly_202602.parquet"].map(write);
    let others =
        ["secret.parquet", "secret.csv", "other.duckdb", "sub/query_perf_weekly_202601.parquet"].map(write);
    let link = folder.join("query_perf_weekly_202603.parquet");
    std::os::unix::fs::symlink("secret.csv", &link).unwrap();
    let json = serde_json::json!({ "path": write("perf.duckdb") }).to_string();
    let datasource =
        resolve(&LocalSettings::parse(json.as_bytes(), "").unwrap(), &Policy::default()).unwrap();
    let place = Place { datasource, ..place };
    jailed(&place, view::NEWEST, true, move || {
        for report in reports {
            assert_eq!(open(&report, libc::O_RDONLY), Ok(()), "{report:?}");
        }
        for other in others.iter().chain([&link]) {
            assert_eq!(open(other, libc::O_RDONLY), Err(libc::EACCES), "{other:?}");
        }
        // A report that comes later can be read by the next worker.
        assert!(fs::read_dir(&folder).unwrap().count() > 5);
    });
}

/// Landlock before Linux 6.2 has no right for emptying a file: whoever may read a file may empty it.
#[test]
fn no_report_can_be_emptied_whatever_the_kernels_landlock_knows() {
    for newest in [ABI::V1, ABI::V2, ABI::V3, view::NEWEST] {
        let place = Place::new();
        let report = place.report.clone();
        let outcomes = jailed(&place, newest, true, move || {
            let opened = [libc::O_RDONLY, FOURTH_MODE, libc::O_WRONLY, libc::O_RDWR]
                .map(|mode| open(&report, mode | libc::O_TRUNC));
            let made = open(&report, libc::O_RDONLY | libc::O_CREAT | libc::O_TRUNC);
            (opened, made, truncate(&report), fs::read(&report).unwrap())
        });
        let (filtered, ruled) = (Err(libc::EPERM), Err(libc::EACCES));
        assert_eq!(
            outcomes,
            ([filtered, filtered, ruled, ruled], filtered, filtered, b"rows".to_vec()),
            "{newest}"
        );
    }
}

/// Shows that the test above fails without seccomp.
#[test]
fn an_old_landlock_alone_lets_a_report_be_emptied() {
    for mode in [libc::O_RDONLY, FOURTH_MODE] {
        let place = Place::new();
        let report = place.report.clone();
        let opened = jailed(&place, ABI::V2, false, move || open(&report, mode | libc::O_TRUNC));
        assert_eq!((opened, fs::read(&place.report).unwrap()), (Ok(()), Vec::new()));
    }
}

#[test]
fn what_spilling_needs_is_left() {
    for newest in [ABI::V1, view::NEWEST] {
        let place = Place::new();
        let temp = place.temp.clone();
        jailed(&place, newest, true, move || {
            let file = temp.join("spill");
            let create = libc::O_CREAT | libc::O_TRUNC;
            assert_eq!(open(&file, libc::O_RDWR | create), Ok(()));
            fs::write(&file, "spilled").unwrap();
            fs::File::options().write(true).open(&file).unwrap().set_len(3).unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"spi");
            assert_eq!(open(&file, libc::O_WRONLY | libc::O_TRUNC), Ok(()));
            assert_eq!(fs::metadata(&file).unwrap().len(), 0);
            // First as DuckDB removes a file, then as Rust does. If Landlock does not allow moving it, it
            // stays, empty.
            assert_eq!(remove(&file), Ok(()));
            assert_eq!(fs::metadata(&file).map_or(0, |found| found.len()), 0);
            assert_eq!(remove(&temp.join("nosuch")), Err(libc::ENOENT));
            fs::write(&file, "spilled").unwrap();
            super::remove(&file).unwrap();
        });
        let left = u64::from(newest == ABI::V1);
        let room = [(); 2].map(|()| place.disk.take_stock(u64::MAX));
        assert_eq!(room[1], Room { files: left, ..Room::default() });
    }
}

#[test]
fn each_weaker_jail_says_what_is_missing() {
    let mut said = Vec::new();
    for landlock in [Enforced::Full, Enforced::Partial, Enforced::No] {
        for seccomp in [true, false] {
            let jail = Jail { landlock, seccomp, bare: true };
            assert_eq!(Jail { bare: false, ..jail }.gaps().len(), jail.gaps().len() + 1);
            assert_eq!(jail.gaps().is_empty(), landlock == Enforced::Full && seccomp, "{jail:?}");
            assert_eq!(refuse_if(true, jail).is_ok(), jail.holds(), "{jail:?}");
            assert!(refuse_if(false, jail).is_ok());
            said.extend(jail.gaps());
        }
    }
    let many = said.len();
    said.sort_unstable();
    said.dedup();
    assert_eq!((many, said.len()), (5, 5));
}
