//! The notes themselves.

use std::collections::BTreeMap;

use mcpass_domain::Timestamp;

/// Notes at most.
pub(super) const MAX_NOTES: usize = 200;
/// Characters of a title at most.
pub(super) const MAX_TITLE: usize = 120;
/// Characters of a body at most.
pub(super) const MAX_BODY: usize = 4_000;
/// Tags of a note at most.
pub(super) const MAX_TAGS: usize = 8;
/// Characters of a tag at most.
pub(super) const MAX_TAG: usize = 32;

/// One note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Note {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) tags: Vec<String>,
    pub(super) author: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Note {
    /// Whether all words stand in its title, body or tags, in any letter case.
    pub(super) fn mentions(&self, words: &[String]) -> bool {
        let text = format!("{}\n{}\n{}", self.title, self.body, self.tags.join("\n"));
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word))
    }

    /// The note as a document.
    pub(super) fn to_markdown(&self) -> String {
        format!("# {}\n\n{}\n", self.title, self.body)
    }
}

/// Notes by their number. A number is never used again.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    notes: BTreeMap<u64, Note>,
    last: u64,
}

/// The notebook has no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

impl Notebook {
    /// All notes, oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.values()
    }

    /// The note of this number.
    pub(super) fn find(&self, id: u64) -> Option<&Note> {
        self.notes.get(&id)
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, id: u64) -> Option<&mut Note> {
        self.notes.get_mut(&id)
    }

    /// Adds a note and gives it the next number.
    pub(super) fn add(&mut self, note: Note) -> Result<&Note, Full> {
        if self.notes.len() >= MAX_NOTES {
            return Err(Full);
        }
        let id = self.last.saturating_add(1);
        self.last = id;
        Ok(self.notes.entry(id).or_insert(Note { id, ..note }))
    }

    /// Removes the note of this number.
    pub(super) fn remove(&mut self, id: u64) -> Option<Note> {
        self.notes.remove(&id)
    }
}

/// The number in a URI: digits, in the one way a number is written.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|id| id.to_string() == text)
}

/// The words of a query, lower-case.
pub(super) fn words(query: &str) -> Vec<String> {
    query.split_whitespace().map(str::to_lowercase).collect()
}
