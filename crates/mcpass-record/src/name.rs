//! Names of runs, journals and segments, and places in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mcpass_domain::id::IdParts;

/// One life of a mcpass process. A journal of another run than the current one is finished: its
/// writer is gone. Made with [`mcpass_domain::Entropy::id`]; printed as 32 hexadecimal digits
/// whose first 12 are the milliseconds of its start.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RunId([u8; 16]);

/// One journal: a thread of a run. Printed as `{run}-{thread}`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct JournalName {
    /// The run.
    pub run: RunId,
    /// Which of its threads.
    pub thread: u16,
}

/// A place in a journal, always between two groups.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes of it that have been read.
    pub offset: u64,
}

/// A text that is no journal's name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a journal's name; one is 32 hexadecimal digits, `-` and a number")]
pub struct InvalidName(String);

impl From<IdParts> for RunId {
    fn from(parts: IdParts) -> Self {
        let millis = u64::try_from(parts.now.as_micros() / 1000).unwrap_or(0);
        let [_, _, time @ ..] = millis.to_be_bytes();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(time.iter().chain(&parts.random)) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for JournalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.thread)
    }
}

impl FromStr for JournalName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let parse = || {
            let (run, thread) = text.split_once('-')?;
            let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
            if run.len() != 32 || !run.bytes().all(is_hex) {
                return None;
            }
            let run = RunId(u128::from_str_radix(run, 16).ok()?.to_be_bytes());
            Some(Self { run, thread: number(thread)?.try_into().ok()? })
        };
        parse().ok_or_else(|| InvalidName(text.chars().take(64).collect()))
    }
}

impl JournalName {
    /// The file of one segment in `folder`.
    pub fn segment_path(&self, folder: &Path, segment: u64) -> PathBuf {
        folder.join(format!("{self}.{segment:08}{SUFFIX}"))
    }

    /// Which segment of which journal a file is, if it is one.
    pub(crate) fn of_file(file: &str) -> Option<(Self, u64)> {
        let (name, segment) = file.strip_suffix(SUFFIX)?.split_once('.')?;
        if segment.len() < 8 || !segment.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        Some((name.parse().ok()?, segment.parse().ok()?))
    }
}

/// A decimal number as we print it: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

const SUFFIX: &str = ".journal";

#[cfg(test)]
mod tests {
    use mcpass_domain::{Entropy, SeededEntropy, Timestamp};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_print_and_parse_back(bytes: [u8; 16], thread: u16, segment: u64) {
            let name = JournalName { run: RunId(bytes), thread };
            prop_assert_eq!(name.to_string().parse::<JournalName>().unwrap(), name);
            let path = name.segment_path(Path::new(""), segment);
            prop_assert_eq!(JournalName::of_file(path.to_str().unwrap()), Some((name, segment)));
        }

        #[test]
        fn no_file_name_makes_parsing_panic(text in "\\PC*") {
            prop_assert_eq!(JournalName::of_file(&text), None);
        }
    }

    #[test]
    fn later_runs_sort_after_earlier_ones() {
        let entropy = SeededEntropy::new(1);
        let run = |at| entropy.id::<RunId>(Timestamp::from_micros(at)).unwrap();
        assert!(run(1_000_000_000_000_000).to_string() < run(1_700_000_000_000_000).to_string());
        assert_ne!(run(5), run(5));
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let run = "0123456789abcdef0123456789abcdef";
        assert!(JournalName::of_file(&format!("{run}-3.00000001.journal")).is_some());
        for other in
            ["-03.00000001.journal", "-3.1.journal", "-3.00000001.journal.damaged", ".journal"]
        {
            assert_eq!(JournalName::of_file(&format!("{run}{other}")), None, "{other}");
        }
        let upper = run.to_uppercase();
        assert_eq!(JournalName::of_file(&format!("{upper}-3.00000001.journal")), None);
    }
}
