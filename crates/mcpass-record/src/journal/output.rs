//! The segment that is written to, and what happens when it cannot be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Options, Sync};
use crate::error::RecordError;
use crate::file::{Files, SegmentFile};
use crate::frame::MAGIC;
use crate::name::JournalName;

/// Where groups go.
#[derive(Debug)]
pub(super) struct Output {
    files: Arc<dyn Files>,
    folder: PathBuf,
    name: JournalName,
    options: Options,
    /// Number of the last segment that was made or tried.
    number: u64,
    segment: Option<Segment>,
}

#[derive(Debug)]
struct Segment {
    file: Arc<dyn SegmentFile>,
    path: PathBuf,
    /// Bytes up to the end of the last group that was written.
    length: u64,
    /// The same, one group earlier.
    before: u64,
}

impl Output {
    pub(super) fn open(
        files: Arc<dyn Files>,
        folder: &Path,
        name: JournalName,
        options: Options,
    ) -> Result<Self, RecordError> {
        let folder = folder.to_path_buf();
        let mut output = Self { files, folder, name, options, number: 0, segment: None };
        output.segment = Some(output.create()?);
        Ok(output)
    }

    /// Appends one group and answers the file it is in. After an error nothing of it is left
    /// that a reader could take for a record.
    pub(super) fn append(&mut self, frame: &[u8]) -> Result<Arc<dyn SegmentFile>, RecordError> {
        let mut segment = match self.segment.take() {
            Some(segment) if self.is_usable(&segment) => segment,
            _ => self.create()?,
        };
        match write_all(&*segment.file, frame) {
            Ok(()) => {
                segment.before = segment.length;
                segment.length = segment.length.saturating_add(frame.len() as u64);
                let file = Arc::clone(&segment.file);
                self.segment = Some(segment);
                Ok(file)
            }
            Err(cause) => {
                let error = RecordError::io("write to", &segment.path, cause);
                // What cannot be cut back stays as the torn end of a segment that is left; the
                // frame's checksum keeps readers from it.
                if segment.file.truncate(segment.length).is_ok() {
                    self.segment = Some(segment);
                }
                Err(error)
            }
        }
    }

    /// Takes in whether the last group reached the device. If not, its segment is left: nobody
    /// knows which of its pages the device has, and a reader may have seen the group already.
    pub(super) fn synced(&mut self, result: io::Result<()>) -> Result<(), RecordError> {
        let Err(cause) = result else { return Ok(()) };
        let Some(segment) = self.segment.take() else { return Err(RecordError::Closed) };
        let error = RecordError::io("sync", &segment.path, cause);
        if let Err(cause) = segment.file.truncate(segment.before) {
            let path = segment.path.display();
            tracing::warn!(%path, %cause, "calls that failed may stay in the access log");
        }
        Err(error)
    }

    fn is_usable(&self, segment: &Segment) -> bool {
        if segment.length >= self.options.segment_bytes {
            return false;
        }
        // A write to a file without a name succeeds and is lost: a cleaner of temporary folders
        // must not switch the record off. Where nobody can say, the write will.
        let is_linked = segment.file.is_linked().unwrap_or(true);
        if !is_linked {
            let path = segment.path.display();
            tracing::error!(%path, "somebody removed the access log's journal; a new one begins");
        }
        is_linked
    }

    /// Begins the next segment. A number is never used twice, so that a failed attempt, whose
    /// remains perhaps cannot be removed either, does not stand in the way of the next one.
    fn create(&mut self) -> Result<Segment, RecordError> {
        self.number += 1;
        let path = self.name.segment_path(&self.folder, self.number);
        self.files
            .prepare(&self.folder)
            .map_err(|cause| RecordError::io("prepare the folder", &self.folder, cause))?;
        let file =
            self.files.create(&path).map_err(|cause| RecordError::io("create", &path, cause))?;
        let begin = || {
            write_all(&*file, MAGIC)?;
            if self.options.sync == Sync::Always {
                self.files.sync_folder(&self.folder)?;
            }
            Ok(())
        };
        if let Err(cause) = begin() {
            if let Err(cause) = self.files.remove(&path) {
                tracing::debug!(path = %path.display(), %cause, "an empty segment stays behind");
            }
            return Err(RecordError::io("begin", &path, cause));
        }
        let length = MAGIC.len() as u64;
        Ok(Segment { file, path, length, before: length })
    }
}

/// One write, and all of it: what the kernel took only a part of is a failure, because the rest
/// would have to wait for room that is not there.
fn write_all(file: &dyn SegmentFile, bytes: &[u8]) -> io::Result<()> {
    let written = file.append(bytes)?;
    if written == bytes.len() {
        return Ok(());
    }
    let message = format!("the disk took only {written} of {} bytes", bytes.len());
    Err(io::Error::new(io::ErrorKind::WriteZero, message))
}
