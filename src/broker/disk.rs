//! The disk space that a worker takes: every file that it can still write, wherever the file is by now.
//!
//! A worker makes files in one folder and cannot remove them. It moves files that it no longer needs to a
//! second folder, in which it can neither open nor move files (`jail/removal.rs`). The broker removes them
//! there once no process has them open for writing, because from then on none can write them. Until then they
//! count like all other files.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::limits::Limits;
use crate::os::is_written;
use crate::protocol::{DONE, SPILL};

/// Bytes of the smallest block that DuckDB spills to a file of its own.
const SMALLEST_FILE: u64 = 256 << 10;
/// Other files: those into which DuckDB groups blocks, waiting exports, and files that are not removed yet.
const OTHER_FILES: u64 = 16 << 10;
/// How long one check removes files; the next check removes more.
const REMOVING: Duration = Duration::from_millis(20);

/// The disk space that a worker's files take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes on disk, without what the file system sets aside for files to grow.
    pub(crate) bytes: u64,
    /// Number of files, including those that this check has removed.
    pub(crate) files: u64,
    /// Whether files were renamed in the folder where they are counted. DuckDB never does that, and a worker
    /// that does it all the time could hide files from the count.
    pub(crate) is_hiding: bool,
}

/// Returns the maximum number of files of a worker.
pub(crate) fn most_files(limits: &Limits) -> u64 {
    limits.disk_bytes() / SMALLEST_FILE + OTHER_FILES
}

/// A worker's folder.
pub(crate) struct Disk {
    folder: PathBuf,
    /// Becomes readable when a file in the folder is renamed; `None` if the folder cannot be watched.
    renames: Option<File>,
}

impl Disk {
    /// Creates the subfolders that a worker needs in its own `folder`, closed to other users whatever mode
    /// the folder has.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub(crate) fn furnish(folder: &Path) -> io::Result<Self> {
        for name in [SPILL, DONE] {
            DirBuilder::new().mode(0o700).create(folder.join(name))?;
        }
        let renames = renames(&folder.join(SPILL));
        if let Err(error) = &renames {
            tracing::warn!(%error, "{}", unwatched(error));
        }
        Ok(Self { folder: folder.to_owned(), renames: renames.ok() })
    }

    /// Returns the folder in which the worker may write.
    pub(crate) fn spill(&self) -> PathBuf {
        self.folder.join(SPILL)
    }

    /// Counts all files, and removes some of those that are no longer needed. Stops after `most` files,
    /// because a worker that makes files faster than they are removed would keep this from ending. Removed
    /// files count, too.
    pub(crate) fn take_stock(&self, most: u64) -> Room {
        let mut room = Room::default();
        // In this order, a file that is moved meanwhile is counted twice and not missed.
        count(&self.spill(), most, &mut room);
        let began = Instant::now();
        for entry in fs::read_dir(self.folder.join(DONE)).into_iter().flatten().flatten() {
            if room.files > most {
                break;
            }
            let kept = if began.elapsed() < REMOVING {
                remove_unless_written(&entry.path())
            } else {
                entry.metadata().ok()
            };
            match kept {
                Some(kept) => room.add(&kept),
                None => room.files += 1,
            }
        }
        room.is_hiding = self.renames.as_ref().is_some_and(was_renamed);
        room
    }
}

impl Room {
    fn add(&mut self, file: &Metadata) {
        self.bytes += file.len().min(file.blocks() * 512);
        self.files += 1;
    }
}

fn count(folder: &Path, most: u64, room: &mut Room) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if room.files > most {
            return;
        }
        match entry.metadata() {
            Ok(found) if found.is_dir() => count(&entry.path(), most, room),
            Ok(found) => room.add(&found),
            // The file was moved meanwhile.
            Err(_) => {}
        }
    }
}

/// Removes a file that is no longer needed, unless a process has it open for writing. Empties it first,
/// because a process may have it open for reading. Returns the metadata of a file that stays.
fn remove_unless_written(file: &Path) -> Option<Metadata> {
    let found = fs::symlink_metadata(file).ok()?;
    let removed = is_written(file).and_then(|is_written| {
        if is_written {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        File::options().write(true).truncate(true).open(file)?;
        fs::remove_file(file)
    });
    removed.is_err().then_some(found)
}

/// Returns whether a file was renamed since the last check. The events also tell when the folder itself is
/// gone.
#[cfg(target_os = "linux")]
fn was_renamed(seen: &File) -> bool {
    use rustix::fs::inotify::{ReadFlags, Reader};
    let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
    let mut events = Reader::new(seen, &mut buffer);
    let mut renamed = false;
    while let Ok(event) = events.next() {
        renamed |= event.events().intersects(ReadFlags::MOVED_TO | ReadFlags::QUEUE_OVERFLOW);
    }
    renamed
}

#[cfg(not(target_os = "linux"))]
fn was_renamed(_: &File) -> bool {
    false
}

/// Returns the message about a worker's folder that cannot be watched: the consequence, and what to do.
fn unwatched(error: &io::Error) -> String {
    use rustix::io::Errno;
    let (why, remedy) = match Errno::from_io_error(error) {
        Some(Errno::MFILE) => (
            "the programs of this user watch as many folders as the system lets them (inotify instances), or the process has no descriptor left",
            "raise `sysctl fs.inotify.max_user_instances`, or the limit of open files",
        ),
        Some(Errno::NOSPC) => (
            "the programs of this user watch as many folders as the system lets them (inotify watches)",
            "raise `sysctl fs.inotify.max_user_watches`",
        ),
        _ => (
            "the file system of the temp folder cannot be watched",
            "let `temp_dir` in the ini section [plugin.duckdb-perf-datasource] name a folder on a local disk",
        ),
    };
    format!(
        "a worker's temp folder is not watched: {why}. Queries run as before, but what a worker that misbehaves hides by renaming its temp files is not counted as disk space. To change that, {remedy}, and restart the plugin"
    )
}

/// Returns a file that becomes readable when something in `folder` is renamed.
#[cfg(target_os = "linux")]
fn renames(folder: &Path) -> io::Result<File> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let seen = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    add_watch(&seen, folder, WatchFlags::MOVED_TO)?;
    Ok(File::from(seen))
}

#[cfg(not(target_os = "linux"))]
fn renames(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn a_folder_that_is_not_watched_is_told_with_the_limit_to_raise() {
        for (number, wanted) in [
            (rustix::io::Errno::MFILE, "fs.inotify.max_user_instances"),
            (rustix::io::Errno::NOSPC, "fs.inotify.max_user_watches"),
            (rustix::io::Errno::NOSYS, "`temp_dir`"),
        ] {
            let told = unwatched(&io::Error::from(number));
            assert!(told.contains(wanted) && told.contains("Queries run as before"), "{told}");
        }
    }

    fn furnished() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::furnish(folder.path()).unwrap();
        (folder, disk)
    }

    #[test]
    fn what_is_done_with_counts_until_nobody_writes_it() {
        let (folder, disk) = furnished();
        let (spilled, done) = (disk.spill().join("a"), folder.path().join(DONE).join("7"));
        let file = File::options().create_new(true).read(true).write(true).open(&spilled).unwrap();
        let reader = File::open(&spilled).unwrap();
        fs::rename(&spilled, &done).unwrap();
        file.write_all_at(&vec![7; 1 << 20], 0).unwrap();
        file.sync_all().unwrap();
        assert_eq!(disk.take_stock(u64::MAX), Room { bytes: 1 << 20, files: 1, is_hiding: false });
        drop(file);
        // A process still has it open for reading, which is no reason to keep its content.
        let removed = Room { files: 1, ..Room::default() };
        assert_eq!((disk.take_stock(u64::MAX), disk.take_stock(u64::MAX)), (removed, Room::default()));
        assert_eq!(reader.metadata().unwrap().blocks(), 0);
        assert!(!done.exists());
    }

    /// A worker may make files faster than they are removed: the check ends all the same, and reports too
    /// many.
    #[test]
    fn a_flood_of_files_ends_no_later() {
        for folder_of_flood in [SPILL, DONE] {
            let (folder, disk) = furnished();
            let flooded = folder.path().join(folder_of_flood);
            let is_over = std::sync::atomic::AtomicBool::new(false);
            let looked = std::thread::scope(|scope| {
                for thread in 0..2 {
                    let (flooded, is_over) = (&flooded, &is_over);
                    scope.spawn(move || {
                        for n in 0.. {
                            if is_over.load(std::sync::atomic::Ordering::SeqCst) {
                                return;
                            }
                            fs::write(flooded.join(format!("{thread}-{n}")), "").unwrap();
                        }
                    });
                }
                while fs::read_dir(&flooded).unwrap().count() < 2_000 {}
                let looked = disk.take_stock(1_000);
                is_over.store(true, std::sync::atomic::Ordering::SeqCst);
                looked
            });
            assert_eq!(looked.files, 1_001, "{folder_of_flood}");
        }
    }

    #[test]
    fn a_renamed_file_is_seen() {
        let (_folder, disk) = furnished();
        let [one, other] = ["a", "b"].map(|name| disk.spill().join(name));
        fs::write(&one, "x").unwrap();
        assert!(!disk.take_stock(u64::MAX).is_hiding);
        fs::rename(&one, &other).unwrap();
        assert!(disk.take_stock(u64::MAX).is_hiding);
        assert!(!disk.take_stock(u64::MAX).is_hiding);
    }

    #[test]
    fn room_is_what_is_on_the_disk() {
        let (_folder, disk) = furnished();
        let sparse = File::create(disk.spill().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        sparse.write_all_at(&vec![7; 1 << 20], 1 << 39).unwrap();
        sparse.sync_all().unwrap();
        let deeper = disk.spill().join("deeper");
        fs::create_dir(&deeper).unwrap();
        fs::write(deeper.join("one"), [7; 8192]).unwrap();
        File::open(deeper.join("one")).unwrap().sync_all().unwrap();
        let room = disk.take_stock(u64::MAX);
        assert_eq!((room.files, room.bytes / 4096), (2, 256 + 2));
    }

    #[test]
    fn only_this_user_may_look_into_the_folders() {
        let (folder, disk) = furnished();
        for made in [disk.spill(), folder.path().join(DONE)] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}
