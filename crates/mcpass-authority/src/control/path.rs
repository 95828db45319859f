//! Paths of sockets that may be longer than an address can hold.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `sun_path` has 108 bytes (unix(7)), the last of which is zero.
const MAX: usize = 107;

/// A name for `path` that fits into an address.
///
/// A long one goes through the open folder it lies in (`/proc/self/fd/…`), which has to stay
/// open while the name is used.
#[derive(Debug)]
pub(super) struct Reachable {
    path: PathBuf,
    _folder: Option<File>,
}

impl Reachable {
    /// `None` if there is no such name on this system.
    pub(super) fn new(path: &Path) -> io::Result<Option<Self>> {
        if path.as_os_str().as_bytes().len() <= MAX {
            return Ok(Some(Self { path: path.to_owned(), _folder: None }));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        let folder = File::open(folder)?;
        let opened = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        if !opened.exists() {
            return Ok(None);
        }
        let short = opened.join(name);
        let fits = short.as_os_str().as_bytes().len() <= MAX;
        Ok(fits.then_some(Self { path: short, _folder: Some(folder) }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
