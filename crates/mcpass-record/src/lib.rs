//! The journal of the access log: *no record, no access*.
//!
//! The gateway writes what it admits and what it answers into a [`Journal`], one for each of its
//! threads, and waits for the [`Written`] of each record before it goes on. Records of one turn of
//! the event loop go to the kernel in one `write(2)`. The authority's loader reads the journals
//! with a [`Reader`] and moves them into the database.
//!
//! A written record survives the death of the process. With [`Sync::Always`] it survives the
//! death of the machine too.
//!
//! This crate knows no database and no rule of mcpass. It knows the clock neither.
//!
//! | module | what it holds |
//! |---|---|
//! | [`journal`] | [`Journal`]: group commit, failure and recovery |
//! | [`reader`] | [`Reader`]: reading from a position, removing what was read |
//! | [`codec`] | records as bytes, and the caps of their texts |
//! | [`name`] | runs, journals, segments and places in them |
//! | [`file`](mod@file) | the few file operations of a journal, so that tests can make them fail |
//! | [`gate`] | [`Gate`]: whether requests may be admitted at all |
//!
//! # Format
//!
//! A journal is a row of segments, `{run}-{thread}.{number}.journal`. A segment is
//! [`frame::MAGIC`] and then frames; a frame is one group of records, written at once:
//!
//! ```text
//! frame  = length u32, CRC-32/ISO-HDLC u32 (of length and records), records
//! record = version and kind u8, length u32, fields
//! ```
//!
//! Numbers are little-endian. The group is the unit of the checksum, not the record, so that a
//! write that failed half way leaves nothing that a reader would take for a record.

pub mod codec;
pub mod error;
pub mod file;
pub mod frame;
pub mod gate;
pub mod journal;
pub mod name;
pub mod reader;

pub use codec::Entry;
pub use error::RecordError;
pub use gate::Gate;
pub use journal::{Journal, JournalStats, Options, Sync, Written};
pub use name::{JournalName, Position, RunId};
pub use reader::{JournalFiles, Reached, Reader, journals};
