//! The data folder: what lies in it, and who may write to it.
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | held by the one process that writes |
//! | `control.sock` | how commands reach the server that holds the lock |
//! | `mcpass.db` | the SQLite database, unless another one is configured |
//! | `journal/` | the access record on its way into the database |

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::DatabaseUrl;
use crate::failure::Failure;

/// The data folder. It exists.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// The right to write to a data folder and its database. Ends when it is dropped, and with the
/// process, however that ends: the kernel holds it (flock(2)).
#[derive(Debug)]
pub(crate) struct Locks {
    _folder: File,
    _database: Option<File>,
}

/// Who holds a lock, as far as that can be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Held {
    /// The lock file.
    pub(crate) path: PathBuf,
    /// The process that said so when it took it.
    pub(crate) pid: Option<u32>,
}

impl DataFolder {
    /// The folder at `path`, created if it is not there, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be created, or is no folder.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
        created.map_err(|error| {
            Failure::unavailable(format!(
                "the data folder `{}` cannot be used: {error}",
                path.display()
            ))
            .with_hint("choose another with --data DIR or MCPASS_DATA")
        })?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder at `path`, if it is there.
    pub(crate) fn existing(path: &Path) -> Option<Self> {
        path.is_dir().then(|| Self { path: path.to_owned() })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journals are.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where the control socket is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// Takes the right to write to the folder and to a SQLite database that lies elsewhere, or
    /// says who has it.
    ///
    /// # Errors
    /// When a lock file cannot be opened.
    pub(crate) fn lock(&self, database: &DatabaseUrl) -> Result<Result<Locks, Held>, Failure> {
        let folder = match lock_file(&self.path.join("lock"))? {
            Ok(file) => file,
            Err(held) => return Ok(Err(held)),
        };
        let beside = match self.lock_beside(database) {
            Some(path) => match lock_file(&path)? {
                Ok(file) => Some(file),
                Err(held) => return Ok(Err(held)),
            },
            None => None,
        };
        Ok(Ok(Locks { _folder: folder, _database: beside }))
    }

    /// Two data folders may name the same SQLite database, so one that lies elsewhere has a lock
    /// of its own beside it.
    fn lock_beside(&self, database: &DatabaseUrl) -> Option<PathBuf> {
        let path = database.sqlite_path()?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let is_inside = match (fs::canonicalize(folder), fs::canonicalize(&self.path)) {
            (Ok(folder), Ok(own)) => folder == own,
            _ => false,
        };
        if is_inside {
            return None;
        }
        let mut name = path.file_name()?.to_owned();
        name.push(".lock");
        Some(folder.join(name))
    }
}

fn lock_file(path: &Path) -> Result<Result<File, Held>, Failure> {
    let fail = |error: io::Error| {
        Failure::unavailable(format!("the lock `{}` cannot be taken: {error}", path.display()))
            .with_hint("run mcpass as the owner of the data folder; `mcpass doctor` says more")
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Ok(Err(Held { path: path.to_owned(), pid: read_pid(&mut file) }));
        }
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    // For people who ask who holds it; the lock itself is the kernel's.
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(fail)?;
    Ok(Ok(file))
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// As `data folder lock … (process 4711)`.
impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.path.display())?;
        match self.pid {
            Some(pid) => write!(f, " (process {pid})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::create(&path).unwrap();
        let database = DatabaseUrl::Sqlite(path.join("mcpass.db"));
        let _locks = folder.lock(&database).unwrap().unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("lock")), 0o600);
    }

    #[test]
    fn one_writer_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(parent.path()).unwrap();
        let database = DatabaseUrl::Sqlite(parent.path().join("mcpass.db"));
        let locks = folder.lock(&database).unwrap().unwrap();
        let held = folder.lock(&database).unwrap().unwrap_err();
        assert_eq!(held.pid, Some(std::process::id()));
        drop(locks);
        assert!(folder.lock(&database).unwrap().is_ok());
    }

    #[test]
    fn a_database_elsewhere_has_a_lock_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let database = DatabaseUrl::Sqlite(parent.path().join("shared.db"));
        let first = DataFolder::create(&parent.path().join("one")).unwrap();
        let second = DataFolder::create(&parent.path().join("two")).unwrap();
        let locks = first.lock(&database).unwrap().unwrap();
        let held = second.lock(&database).unwrap().unwrap_err();
        assert_eq!(held.path, parent.path().join("shared.db.lock"));
        drop(locks);
        assert!(second.lock(&database).unwrap().is_ok());
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_said_clearly() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        fs::write(&path, "").unwrap();
        let failure = DataFolder::create(&path).unwrap_err();
        assert!(failure.message().contains("data folder") && failure.hint().is_some());
    }
}
