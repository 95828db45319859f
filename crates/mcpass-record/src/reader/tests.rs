use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use mcpass_domain::{Entropy, SeededEntropy, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::codec::tests::{entry, kept};
use crate::journal::{Journal, Options};

fn name() -> JournalName {
    let run = SeededEntropy::new(3).id(Timestamp::from_micros(5_000_000)).unwrap();
    JournalName { run, thread: 0 }
}

/// Writes each inner list as one group.
fn write(folder: &Path, segment_bytes: u64, groups: &[Vec<Entry>]) -> Arc<Journal> {
    let options = Options { segment_bytes, ..Options::default() };
    let journal = Journal::open(folder, name(), options).unwrap();
    let mut run = Box::pin(Arc::clone(&journal).run());
    for group in groups {
        put(&journal, group);
        let poll = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll.is_pending());
    }
    journal
}

fn put(journal: &Journal, group: &[Entry]) {
    for entry in group {
        drop(match entry {
            Entry::Admission(admission) => journal.admission(admission),
            Entry::Outcome(outcome) => journal.outcome(outcome),
        });
    }
}

fn expected(groups: &[Vec<Entry>]) -> Vec<Entry> {
    groups.iter().flatten().map(kept).collect()
}

fn read_all(folder: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut reader = Reader::new(folder, name(), Position::default());
    assert_eq!(reader.read(true, usize::MAX, &mut entries).unwrap(), Reached::End);
    entries
}

fn groups() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    prop::collection::vec(prop::collection::vec(entry(), 1..4), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read_however_it_is_cut(
        groups in groups(),
        segment_bytes in prop_oneof![1..4_000_u64, Just(1 << 20)],
        limit in 1..5_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), segment_bytes, &groups);
        prop_assert_eq!(read_all(folder.path()), expected(&groups));

        // In pieces, each by a new reader, as after a restart.
        let mut entries = Vec::new();
        let mut position = Position::default();
        loop {
            let mut reader = Reader::new(folder.path(), name(), position);
            let mut some = Vec::new();
            let reached = reader.read(true, limit, &mut some).unwrap();
            prop_assert!(reader.position() >= position);
            position = reader.position();
            entries.append(&mut some);
            if reached == Reached::End {
                break;
            }
        }
        prop_assert_eq!(entries, expected(&groups));
    }

    #[test]
    fn a_damaged_file_gives_a_clean_beginning(
        groups in groups(),
        at: prop::sample::Index,
        bit in prop::option::of(0..8_u32),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1 << 20, &groups);
        let path = name().segment_path(folder.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        match bit {
            Some(bit) => bytes[at] ^= 1 << bit,
            None => bytes.truncate(at),
        }
        fs::write(&path, bytes).unwrap();
        let read = read_all(folder.path());
        let whole = expected(&groups);
        prop_assert!(read.len() < whole.len());
        prop_assert_eq!(&read[..], &whole[..read.len()]);
    }

    #[test]
    fn any_file_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..400), magic: bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut content = if magic { MAGIC.to_vec() } else { Vec::new() };
        content.extend_from_slice(&bytes);
        fs::write(name().segment_path(folder.path(), 1), content).unwrap();
        prop_assert_eq!(read_all(folder.path()), []);
    }
}

fn outcome(id: u8) -> Entry {
    Entry::Outcome(mcpass_domain::Outcome {
        id: mcpass_domain::RequestId::from_bytes([id; 16]),
        http_status: 200,
        rpc_code: Some(-32_000),
        is_error: true,
        failure: None,
        response_bytes: 0,
        response_chars: Some(9),
        duration_us: 1,
        upstream_us: Some(1),
    })
}

#[test]
fn a_growing_journal_is_read_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(folder.path(), name(), Position::default());
    let mut entries = Vec::new();
    assert_eq!(reader.read(false, 10, &mut entries).unwrap(), Reached::End);
    let options = Options { segment_bytes: 100, ..Options::default() };
    let journal = Journal::open(folder.path(), name(), options).unwrap();
    let mut run = pin!(Arc::clone(&journal).run());
    for id in 1..=9 {
        put(&journal, &[outcome(id)]);
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let mut some = Vec::new();
        assert_eq!(reader.read(false, 10, &mut some).unwrap(), Reached::End);
        assert_eq!(some, [outcome(id)]);
    }
    assert!(reader.position().segment > 2);
}

#[test]
fn a_write_that_is_under_way_is_not_taken_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let journal = write(folder.path(), 1 << 20, &[vec![outcome(1)], vec![outcome(2)]]);
    let path = journal.name().segment_path(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    let mut reader = Reader::new(folder.path(), name(), Position::default());
    let mut entries = Vec::new();
    for length in 0..whole.len() {
        // Not yet copied pages of a running write look like zeros.
        let mut bytes = whole[..length].to_vec();
        bytes.resize(length + 12, 0);
        fs::write(&path, bytes).unwrap();
        assert_eq!(reader.read(false, 10, &mut entries).unwrap(), Reached::End);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(reader.read(false, 10, &mut entries).unwrap(), Reached::End);
    assert_eq!(entries, [outcome(1), outcome(2)]);
}

#[test]
fn damage_ends_a_segment_but_not_the_journal_and_its_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let groups: Vec<_> = (1..=4).map(|id| vec![outcome(id)]).collect();
    write(folder.path(), 120, &groups);
    let before = journals(folder.path()).unwrap().remove(0);
    assert_eq!(before.segments.len(), 2);
    let path = name().segment_path(folder.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();

    let mut reader = Reader::new(folder.path(), name(), Position::default());
    let mut entries = Vec::new();
    reader.read(true, usize::MAX, &mut entries).unwrap();
    assert_eq!(entries, [outcome(1), outcome(3), outcome(4)]);
    assert_eq!(before.bytes_after(reader.position()), 0);
    assert_eq!(reader.remove_consumed(&before, Some(reader.position())).unwrap(), 1);
    assert!(damaged_path(&path).exists() && !path.exists());
    assert_eq!(journals(folder.path()).unwrap()[0].segments.len(), 1);
    assert_eq!(reader.remove_consumed(&before, None).unwrap(), 2);
    assert_eq!(journals(folder.path()).unwrap(), []);
}

#[test]
fn lag_is_what_lies_behind_a_position() {
    let files = JournalFiles { name: name(), segments: BTreeMap::from([(2, 50), (3, 70), (5, 1)]) };
    let at = |segment, offset| files.bytes_after(Position { segment, offset });
    assert_eq!((at(0, 0), at(2, 20), at(3, 70), at(4, 9), at(5, 9)), (121, 101, 1, 1, 0));
}

#[test]
fn a_folder_that_is_not_there_has_no_journals() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(journals(&folder.path().join("none")).unwrap(), []);
    fs::write(folder.path().join("notes.txt"), "ours").unwrap();
    assert_eq!(journals(folder.path()).unwrap(), []);
}
