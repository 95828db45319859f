//! Reading a journal from a place, while it may still grow.
//!
//! A reader goes from group to group. At the end of a segment it goes on to the next one once
//! that exists, because the writer has left the former by then. Bytes that are no group end a
//! segment: the torn end of a write that nobody was told had succeeded, or damage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::codec::{self, Entry};
use crate::error::RecordError;
use crate::frame::{self, Found, MAGIC};
use crate::name::{JournalName, Position};

/// A journal's segments that are there, by number, with their lengths in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JournalFiles {
    /// The journal.
    pub name: JournalName,
    /// Its segments.
    pub segments: BTreeMap<u64, u64>,
}

impl JournalFiles {
    /// Bytes behind `position`, for metrics.
    pub fn bytes_after(&self, position: Position) -> u64 {
        let behind = |(number, length): (&u64, &u64)| match number.cmp(&position.segment) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => length.saturating_sub(position.offset),
            std::cmp::Ordering::Greater => *length,
        };
        self.segments.iter().map(behind).sum()
    }
}

/// The journals in a folder, in the order of their names. No folder means no journals; files of
/// others are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn journals(folder: &Path) -> Result<Vec<JournalFiles>, RecordError> {
    let failed = |cause| RecordError::io("list", folder, cause);
    let mut found = BTreeMap::<JournalName, BTreeMap<u64, u64>>::new();
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(failed)?,
    };
    for file in listing {
        let file = file.map_err(failed)?;
        let Some((name, segment)) = file.file_name().to_str().and_then(JournalName::of_file) else {
            continue;
        };
        let length = match file.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata.map_err(failed)?.len(),
        };
        found.entry(name).or_default().insert(segment, length);
    }
    Ok(found.into_iter().map(|(name, segments)| JournalFiles { name, segments }).collect())
}

/// How far [`Reader::read`] came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached {
    /// There are as many entries as were wanted, and there may be more.
    Limit,
    /// Everything that was in the journal when the reading began has been read.
    End,
}

/// Why reading a segment stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    Limit,
    /// No whole group follows, at most the beginning of one.
    End,
    /// Something follows that is no group.
    Damaged,
}

/// Reads one journal.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    name: JournalName,
    position: Position,
    open: Option<(u64, File)>,
    buffer: Vec<u8>,
    /// Segments with something in them that could not be read: they are set aside, not removed.
    damaged: BTreeSet<u64>,
}

impl Reader {
    /// Reads on from `position`; the default one is a journal's beginning.
    pub fn new(folder: &Path, name: JournalName, position: Position) -> Self {
        Self {
            folder: folder.to_path_buf(),
            name,
            position,
            open: None,
            buffer: Vec::new(),
            damaged: BTreeSet::new(),
        }
    }

    /// The journal.
    pub fn name(&self) -> JournalName {
        self.name
    }

    /// Up to where it has been read: the end of a group.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes back to `position`, because what was read behind it was not kept.
    pub fn rewind(&mut self, position: Position) {
        self.position = position;
    }

    /// Appends entries until there are at least `limit` of them or the end is reached. Groups are
    /// read as a whole, so there may be more. `is_finished` says that the writer is gone.
    ///
    /// # Errors
    /// When the operating system refuses. What was read before stays valid.
    pub fn read(
        &mut self,
        is_finished: bool,
        limit: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<Reached, RecordError> {
        loop {
            if self.read_segment(limit, entries)? == Stop::Limit {
                return Ok(Reached::Limit);
            }
            let next = self.next_segment()?;
            if next.is_none() && !is_finished {
                return Ok(Reached::End);
            }
            // The writer left this segment before it made the next one, or is gone: what was
            // written between the two looks above is here now, and nothing will follow.
            match self.read_segment(limit, entries)? {
                Stop::Limit => return Ok(Reached::Limit),
                Stop::Damaged => self.report_damage(),
                Stop::End => {}
            }
            let Some(segment) = next else { return Ok(Reached::End) };
            self.position = Position { segment, offset: 0 };
        }
    }

    /// Removes the segments before `position` (all, if the journal is finished and read to its
    /// end). Those with damage are renamed to `….damaged` for somebody to look at. Answers how
    /// many files went.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn remove_consumed(
        &mut self,
        files: &JournalFiles,
        before: Option<Position>,
    ) -> Result<usize, RecordError> {
        let mut removed = 0;
        for &segment in files.segments.keys() {
            if before.is_some_and(|before| segment >= before.segment) {
                break;
            }
            let path = self.name.segment_path(&self.folder, segment);
            let result = if self.damaged.remove(&segment) {
                fs::rename(&path, damaged_path(&path))
            } else {
                fs::remove_file(&path)
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(|cause| RecordError::io("remove", &path, cause))?,
            }
            removed += 1;
        }
        Ok(removed)
    }

    /// Reads groups of the present segment until there are enough entries or no whole group.
    fn read_segment(
        &mut self,
        limit: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<Stop, RecordError> {
        if self.position.offset == 0 {
            self.fill(MAGIC.len())?;
            if self.buffer != MAGIC {
                let is_begun = MAGIC.starts_with(&self.buffer);
                return Ok(if is_begun { Stop::End } else { Stop::Damaged });
            }
            self.position.offset = MAGIC.len() as u64;
        }
        let mut wanted = CHUNK;
        loop {
            self.fill(wanted)?;
            let is_whole_rest = self.buffer.len() < wanted;
            let mut rest = self.buffer.as_slice();
            let missing = loop {
                if entries.len() >= limit {
                    return Ok(Stop::Limit);
                }
                match frame::read(rest) {
                    Found::Damaged => return Ok(Stop::Damaged),
                    Found::Part(size) => break size,
                    Found::Group(records, size) => {
                        if codec::read_group(records, entries) > 0 {
                            self.damaged.insert(self.position.segment);
                            let (journal, place) = (self.name, self.position);
                            tracing::error!(%journal, ?place, "{UNKNOWN}");
                        }
                        self.position.offset += size as u64;
                        rest = rest.get(size..).unwrap_or_default();
                    }
                }
            };
            if is_whole_rest {
                return Ok(Stop::End);
            }
            wanted = missing.max(CHUNK);
        }
    }

    /// Damage is final only in a segment that nobody writes to any more: in the last one of a
    /// living journal it may be a write that is under way.
    fn report_damage(&mut self) {
        if self.damaged.insert(self.position.segment) {
            let (journal, place) = (self.name, self.position);
            tracing::error!(%journal, ?place, "{DAMAGED}");
        }
    }

    /// Reads up to `size` bytes at the position into the buffer; fewer at the file's end, none if
    /// there is no file.
    fn fill(&mut self, size: usize) -> Result<(), RecordError> {
        let Position { segment, offset } = self.position;
        let path = self.name.segment_path(&self.folder, segment);
        self.buffer.clear();
        self.buffer.shrink_to(CHUNK);
        let file = match &mut self.open {
            Some((number, file)) if *number == segment => file,
            open => match File::open(&path) {
                Ok(file) => &open.insert((segment, file)).1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(cause) => return Err(RecordError::io("open", &path, cause)),
            },
        };
        let failed = |cause| RecordError::io("read", &path, cause);
        // A length that a damaged header claims must not make us ask for memory in vain.
        let left = file.metadata().map_err(failed)?.len().saturating_sub(offset);
        self.buffer.resize(size.min(usize::try_from(left).unwrap_or(usize::MAX)), 0);
        let mut filled = 0;
        while let Some(rest) = self.buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(failed(cause)),
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }

    fn next_segment(&self) -> Result<Option<u64>, RecordError> {
        let all = journals(&self.folder)?;
        let this = all.into_iter().find(|journal| journal.name == self.name);
        let after = |number: &u64| *number > self.position.segment;
        Ok(this.and_then(|journal| journal.segments.into_keys().find(after)))
    }
}

fn damaged_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".damaged");
    PathBuf::from(name)
}

const DAMAGED: &str = "the rest of a segment of the access log's journal is damaged; \
                       what could be read is loaded, and the file is kept as `….damaged`";
const UNKNOWN: &str = "the access log's journal has records of another version of mcpass; \
                       the others are loaded, and the file is kept as `….damaged`";

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

#[cfg(test)]
mod tests;
