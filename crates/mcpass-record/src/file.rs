//! The few file operations of a journal, so that tests can make them fail.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, StatxFlags, statx};

/// Where segments are made.
pub trait Files: Send + Sync + fmt::Debug {
    /// Makes sure that the folder is there and is its owner's alone.
    fn prepare(&self, folder: &Path) -> io::Result<()>;

    /// Creates a file for appending, its owner's alone. It must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the device.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// One open segment.
pub trait SegmentFile: Send + Sync + fmt::Debug {
    /// Appends with one `write(2)`; answers how many bytes were taken.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Waits until the file's data is on the device.
    fn sync(&self) -> io::Result<()>;

    /// Whether the file still has a name. What is written to one without is lost.
    fn is_linked(&self) -> io::Result<bool>;
}

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn prepare(&self, folder: &Path) -> io::Result<()> {
        // Not recursive: if the data folder itself is gone (an unmounted disk, say), making it
        // anew would write the log to a place where nobody looks for it.
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mode = fs::metadata(folder)?.permissions().mode();
        if mode & OTHERS == 0 {
            return Ok(());
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

#[derive(Debug)]
struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.0).write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => return answer,
            }
        }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn is_linked(&self) -> io::Result<bool> {
        // Only the number of names: whoever asks for the times as well (as `File::metadata` does)
        // makes the next write pay for new ones. And it is asked for before each group.
        let status = statx(&self.0, c"", AtFlags::EMPTY_PATH, StatxFlags::NLINK)?;
        Ok(status.stx_nlink > 0)
    }
}
