//! What the notebook begins with, and what its prompt says.

use mcpass_domain::Timestamp;

use super::notes::{Note, Notebook, words};

const NOTES: [(&str, &str, &[&str]); 3] = [
    (
        "Welcome to mcpass",
        "mcpass stands between agents and MCP servers. Every request carries a token. mcpass \
         checks who it belongs to, what it may do and how often, writes a record, and only then \
         passes the request on.\n\nThis notebook is a real MCP server behind it. Try `list_notes`, \
         then add a note of your own with a token that may write.",
        &["mcpass", "start"],
    ),
    (
        "What a token may do",
        "A permission is `server.tool`, such as `demo.add_note`. `*` matches any run of \
         characters, so `demo.get_*` is every tool that begins with `get_`. `demo.@read` means the \
         tools that only read, by their own annotations. A leading `!` denies, and a denial wins: \
         `demo.*` with `!demo.delete_note` is everything but deleting.\n\nA tool that a token may \
         not use is not listed for it, and calling it answers as if it did not exist.",
        &["mcpass", "permissions"],
    ),
    (
        "Who did what",
        "Each request leaves one row in the access log, allowed or not, with the reason. \
         `mcpass log` shows them, `mcpass log --follow` as they come, and `mcpass explain` says \
         which grant decides about a tool.\n\nIf a token gets into the wrong hands, `mcpass token \
         revoke` ends it: no later request with it is accepted.",
        &["mcpass", "log"],
    ),
];

/// A notebook with the first three notes.
pub(super) fn notebook(now: Timestamp) -> Notebook {
    let mut notebook = Notebook::default();
    for (title, body, tags) in NOTES {
        let note = Note {
            id: 0,
            title: title.to_owned(),
            body: body.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            author: "mcpass".to_owned(),
            created_at: now,
            updated_at: now,
        };
        // Three notes always fit.
        let _ = notebook.add(note);
    }
    notebook
}

/// The text of `summarize_notes`, newest notes first, as many as fit into `max` characters of
/// JSON (0 for any number).
pub(super) fn summary_prompt(notebook: &Notebook, topic: &str, max: u64) -> String {
    let about = if topic.trim().is_empty() { String::new() } else { format!(" about {topic}") };
    let mut text = format!(
        "Summarize these notes{about} in at most five sentences, and name the notes that you used \
         by their numbers.\n"
    );
    let words = words(topic);
    let mut found = notebook.all().rev().filter(|note| note.mentions(&words)).peekable();
    if found.peek().is_none() {
        text.push_str("\nThere are no such notes. Say so.\n");
    }
    // Half of the room is left for the escapes of JSON and what stands around the text.
    let room = if max == 0 { usize::MAX } else { usize::try_from(max / 2).unwrap_or(usize::MAX) };
    let mut left = room.saturating_sub(text.chars().count());
    for note in found {
        let part = format!("\n## Note {}: {}\n\n{}\n", note.id, note.title, note.body);
        let Some(rest) = left.checked_sub(part.chars().count()) else {
            text.push_str("\nThere are more notes; find them with search_notes.\n");
            break;
        };
        left = rest;
        text.push_str(&part);
    }
    text
}
