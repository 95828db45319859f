//! The tools of the notebook.

use jiff::tz::TimeZone;
use mcpass_domain::Timestamp;
use serde_json::{Map, Value, json};

use super::notes::{self, Full, Note, Notebook};
use crate::local::Caller;
use crate::provider::{Effect, Tool, ToolFailure, object};
use crate::schema;
use crate::service::structured_chars;

/// Notes on a page unless it is said otherwise, and at most.
const PAGE: (usize, usize) = (20, 50);
/// Characters of a body that a list shows.
const EXCERPT: usize = 160;

/// All tools, in the order in which they are listed.
pub(super) fn all() -> Vec<Tool> {
    [readers(), writers()].concat()
}

fn readers() -> Vec<Tool> {
    let page = json!({
        "limit": {"type": "integer", "minimum": 1, "maximum": PAGE.1, "default": PAGE.0,
            "description": "Notes at most."},
        "offset": {"type": "integer", "minimum": 0, "default": 0,
            "description": "Notes to skip: next_offset of the page before."},
    });
    let mut search = page.clone();
    insert(
        &mut search,
        "query",
        json!({"type": "string", "minLength": 1, "maxLength": 200,
        "description": "Words that a note has to mention, all of them, in any letter case."}),
    );
    let get = json!({
        "id": id(),
        "offset": {"type": "integer", "minimum": 0, "default": 0,
            "description": "Characters of the body to skip: next_offset of the part before."},
    });
    let zone = json!({"time_zone": {"type": "string", "minLength": 1, "maxLength": 64,
        "default": "UTC", "description": "An IANA name, such as Europe/Berlin."}});
    let time = json!({
        "time": {"type": "string", "description": "RFC 3339, with the offset of the time zone."},
        "time_zone": {"type": "string"},
        "weekday": {"type": "string"},
        "unix_seconds": {"type": "integer"},
    });
    let time = object(&time, &["time", "time_zone", "weekday", "unix_seconds"]);
    vec![
        Tool::new(
            "list_notes",
            "List notes",
            "Lists notes, newest first, with the beginning of each. Read a whole one with get_note.",
            Effect::Reads,
            (page, &[]),
            &list_schema(),
        ),
        Tool::new(
            "search_notes",
            "Search notes",
            "Finds the notes that mention all words of a query in their title, body or tags.",
            Effect::Reads,
            (search, &["query"]),
            &list_schema(),
        ),
        Tool::new(
            "get_note",
            "Get a note",
            "Gives one whole note. A long body comes in parts: go on with next_offset.",
            Effect::Reads,
            (get, &["id"]),
            &note_schema(),
        ),
        Tool::new(
            "current_time",
            "Current time",
            "Tells the date and time, in UTC or in a time zone.",
            Effect::Reads,
            (zone, &[]),
            &time,
        ),
    ]
}

fn writers() -> Vec<Tool> {
    let content = json!({
        "title": {"type": "string", "minLength": 1, "maxLength": notes::MAX_TITLE},
        "body": {"type": "string", "maxLength": notes::MAX_BODY, "description": "Markdown."},
        "tags": {"type": "array", "maxItems": notes::MAX_TAGS,
            "items": {"type": "string", "minLength": 1, "maxLength": notes::MAX_TAG}},
    });
    let mut change = content.clone();
    insert(&mut change, "id", id());
    let deleted = json!({
        "deleted": {"type": "boolean"},
        "id": {"type": "integer"},
        "title": {"type": "string"},
    });
    vec![
        Tool::new(
            "add_note",
            "Add a note",
            "Adds a note and tells its number.",
            Effect::Adds,
            (content, &["title", "body"]),
            &written_schema(),
        ),
        Tool::new(
            "update_note",
            "Update a note",
            "Replaces the title, body or tags of a note; what is not given stays.",
            Effect::Destroys,
            (change, &["id"]),
            &written_schema(),
        ),
        Tool::new(
            "delete_note",
            "Delete a note",
            "Deletes a note for good.",
            Effect::Destroys,
            (json!({"id": id()}), &["id"]),
            &object(&deleted, &["deleted", "id", "title"]),
        ),
    ]
}

fn id() -> Value {
    json!({"type": "integer", "minimum": 1, "description": "The note's number."})
}

fn insert(properties: &mut Value, key: &str, schema: Value) {
    if let Value::Object(properties) = properties {
        properties.insert(key.to_owned(), schema);
    }
}

fn summary_properties() -> Value {
    json!({
        "id": {"type": "integer"},
        "title": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "author": {"type": "string"},
        "updated_at": {"type": "string", "description": "RFC 3339."},
        "uri": {"type": "string"},
    })
}

const SUMMARY: [&str; 6] = ["id", "title", "tags", "author", "updated_at", "uri"];

fn list_schema() -> Value {
    let mut summary = summary_properties();
    insert(&mut summary, "excerpt", json!({"type": "string"}));
    let required = [SUMMARY.as_slice(), &["excerpt"]].concat();
    let properties = json!({
        "notes": {"type": "array", "items": object(&summary, &required)},
        "total": {"type": "integer", "description": "Notes in all, on every page."},
        "next_offset": {"type": "integer", "description": "There is more: ask with this offset."},
    });
    object(&properties, &["notes", "total"])
}

/// What is written gives back all but the body, which the caller has just sent.
fn written_schema() -> Value {
    let mut note = summary_properties();
    insert(&mut note, "created_at", json!({"type": "string", "description": "RFC 3339."}));
    object(&note, &[SUMMARY.as_slice(), &["created_at"]].concat())
}

fn note_schema() -> Value {
    let mut note = summary_properties();
    insert(&mut note, "created_at", json!({"type": "string", "description": "RFC 3339."}));
    insert(&mut note, "body", json!({"type": "string"}));
    let text = "There is more of the body: ask with this offset.";
    insert(&mut note, "next_offset", json!({"type": "integer", "description": text}));
    object(&note, &[SUMMARY.as_slice(), &["body", "created_at"]].concat())
}

/// One call of a tool. The arguments have been checked against its schema.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) arguments: &'a Map<String, Value>,
    pub(super) caller: Caller<'a>,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    /// Runs the tool of this name.
    pub(super) fn run(&self, tool: &str, notes: &mut Notebook) -> Result<Value, ToolFailure> {
        match tool {
            "list_notes" | "search_notes" => Ok(self.list(notes)),
            "get_note" => self.get(notes),
            "current_time" => self.time(),
            "add_note" => self.add(notes),
            "update_note" => self.update(notes),
            "delete_note" => self.delete(notes),
            other => Err(ToolFailure(format!("There is no tool {other}."))),
        }
    }

    fn list(&self, notes: &Notebook) -> Value {
        let words = notes::words(self.text("query").unwrap_or_default());
        let found: Vec<&Note> = notes.all().rev().filter(|note| note.mentions(&words)).collect();
        let offset = self.size("offset").unwrap_or(0);
        let mut limit = self.size("limit").unwrap_or(PAGE.0);
        loop {
            let page: Vec<_> = found.iter().skip(offset).take(limit).map(|n| summary(n)).collect();
            let end = offset.saturating_add(page.len());
            let mut list = json!({"notes": page, "total": found.len()});
            if end < found.len() {
                insert(&mut list, "next_offset", end.into());
            }
            if limit <= 1 || self.fits(&list) {
                return list;
            }
            limit = (limit.min(page_len(&list)) / 2).max(1);
        }
    }

    fn get(&self, notes: &Notebook) -> Result<Value, ToolFailure> {
        let note = notes.find(self.id()).ok_or_else(|| self.no_such_note())?;
        let offset = self.size("offset").unwrap_or(0);
        let mut length = notes::MAX_BODY;
        loop {
            let body: String = note.body.chars().skip(offset).take(length).collect();
            let end = offset.saturating_add(body.chars().count());
            let mut value = whole(note, &body);
            if end < note.body.chars().count() {
                insert(&mut value, "next_offset", end.into());
            }
            if length <= 1 || self.fits(&value) {
                return Ok(value);
            }
            length = (length.min(body.chars().count()) / 2).max(1);
        }
    }

    fn time(&self) -> Result<Value, ToolFailure> {
        let name = self.text("time_zone").unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|_| {
            let text = format!(
                "There is no time zone `{name}`. Give an IANA name, such as Europe/Berlin."
            );
            ToolFailure(text)
        })?;
        let moment = jiff::Timestamp::from_microsecond(self.now.as_micros())
            .map_err(|_| ToolFailure("The clock of this machine is out of range.".to_owned()))?;
        let zoned = moment.to_zoned(zone);
        Ok(json!({
            "time": zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            "time_zone": name,
            "weekday": zoned.strftime("%A").to_string(),
            "unix_seconds": moment.as_second(),
        }))
    }

    fn add(&self, notes: &mut Notebook) -> Result<Value, ToolFailure> {
        let note = Note {
            id: 0,
            title: self.text("title").unwrap_or_default().to_owned(),
            body: self.text("body").unwrap_or_default().to_owned(),
            tags: self.tags().unwrap_or_default(),
            author: self.caller.user.to_owned(),
            created_at: self.now,
            updated_at: self.now,
        };
        match notes.add(note) {
            Ok(note) => Ok(written(note)),
            Err(Full) => Err(ToolFailure(format!(
                "The notebook is full: it holds {} notes. Delete one with delete_note first.",
                notes::MAX_NOTES
            ))),
        }
    }

    fn update(&self, notes: &mut Notebook) -> Result<Value, ToolFailure> {
        let (title, body, tags) = (self.text("title"), self.text("body"), self.tags());
        if title.is_none() && body.is_none() && tags.is_none() {
            return Err(ToolFailure("Give a `title`, `body` or `tags` to replace.".to_owned()));
        }
        let note = notes.find_mut(self.id()).ok_or_else(|| self.no_such_note())?;
        if let Some(title) = title {
            title.clone_into(&mut note.title);
        }
        if let Some(body) = body {
            body.clone_into(&mut note.body);
        }
        if let Some(tags) = tags {
            note.tags = tags;
        }
        note.updated_at = self.now;
        Ok(written(note))
    }

    fn delete(&self, notes: &mut Notebook) -> Result<Value, ToolFailure> {
        let note = notes.remove(self.id()).ok_or_else(|| self.no_such_note())?;
        Ok(json!({"deleted": true, "id": note.id, "title": note.title}))
    }

    fn fits(&self, value: &Value) -> bool {
        self.caller.max_context == 0 || structured_chars(value) <= self.caller.max_context
    }

    fn no_such_note(&self) -> ToolFailure {
        let id = self.id();
        ToolFailure(format!(
            "There is no note {id}. Find its number with list_notes or search_notes."
        ))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.arguments.get(key).and_then(Value::as_str)
    }

    fn size(&self, key: &str) -> Option<usize> {
        self.arguments.get(key).and_then(schema::integer).and_then(|n| usize::try_from(n).ok())
    }

    fn id(&self) -> u64 {
        let id = self.arguments.get("id").and_then(schema::integer);
        id.and_then(|id| u64::try_from(id).ok()).unwrap_or(0)
    }

    fn tags(&self) -> Option<Vec<String>> {
        let tags = self.arguments.get("tags")?.as_array()?;
        Some(tags.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }
}

fn page_len(list: &Value) -> usize {
    list.get("notes").and_then(Value::as_array).map_or(0, Vec::len)
}

fn summary(note: &Note) -> Value {
    let mut excerpt: String = note.body.chars().take(EXCERPT).collect();
    if note.body.chars().nth(EXCERPT).is_some() {
        excerpt.push('…');
    }
    let mut value = head(note);
    insert(&mut value, "excerpt", excerpt.into());
    value
}

fn whole(note: &Note, body: &str) -> Value {
    let mut value = written(note);
    insert(&mut value, "body", body.into());
    value
}

fn written(note: &Note) -> Value {
    let mut value = head(note);
    insert(&mut value, "created_at", note.created_at.to_string().into());
    value
}

fn head(note: &Note) -> Value {
    json!({
        "id": note.id,
        "title": note.title,
        "tags": note.tags,
        "author": note.author,
        "updated_at": note.updated_at.to_string(),
        "uri": format!("{}{}", super::URI, note.id),
    })
}
