//! Standard output: one JSON document, or tables and fields for people.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::config::Environment;
use crate::failure::Failure;
use crate::terminal;

/// Where a command writes what it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Output {
    is_json: bool,
    has_colour: bool,
    /// Columns of the terminal; none if it is not one: then lines are as long as they need be.
    width: Option<u16>,
}

/// What a cell's text means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Refused or broken.
    Bad,
    /// Of little weight.
    Dim,
}

/// A text in a table. Cleaned of what a terminal obeys when it is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Text {
    text: String,
    tone: Tone,
}

impl Text {
    /// A text with a meaning.
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: terminal::clean(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

impl Output {
    /// Standard output as it is: JSON if asked for, colours only on a terminal and unless
    /// `NO_COLOR` says no (no-color.org).
    pub(crate) fn new(is_json: bool, environment: &Environment) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let has_colour = is_terminal && !environment.has("NO_COLOR");
        let width = is_terminal.then(|| Table::new().width()).flatten();
        Self { is_json, has_colour, width }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// Writes a text as it is. It must be clean.
    ///
    /// # Errors
    /// When standard output cannot be written.
    #[expect(clippy::unused_self, reason = "whoever may write has an output to write to")]
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out
            .write_all(text.as_bytes())
            .and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
        written.and_then(|()| out.flush()).map_err(|error| broken(&error))
    }

    /// Writes one line that may quote what strangers wrote.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn line(self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.text(&terminal::clean(text.as_ref()))
    }

    /// Writes one JSON document.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn json<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::new(format!("this cannot be written as JSON: {error}")))?;
        self.text(&text)
    }

    /// Writes one line of JSON Lines.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn json_line<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("this cannot be written as JSON: {error}")))?;
        self.text(&text)
    }

    /// Writes a table, or `empty` if there is no row.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn table(
        self,
        header: &[&str],
        rows: Vec<Vec<Text>>,
        empty: &str,
    ) -> Result<(), Failure> {
        if rows.is_empty() {
            return self.text(empty);
        }
        self.text(&self.render_table(header, rows))
    }

    /// Writes names and values, one a line. Values that are empty are left out.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn fields(self, fields: Vec<(&str, Text)>) -> Result<(), Failure> {
        self.text(&self.render_fields(fields))
    }

    fn render_table(self, header: &[&str], rows: Vec<Vec<Text>>) -> String {
        let mut table = self.bare_table();
        table.set_header(header.iter().map(|name| {
            let cell = Cell::new(name.to_uppercase());
            if self.has_colour { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        for row in rows {
            table.add_row(row.into_iter().map(|text| self.cell(text)));
        }
        flush_left(table)
    }

    fn render_fields(self, fields: Vec<(&str, Text)>) -> String {
        let mut table = self.bare_table();
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.text.is_empty()) {
            table.add_row([self.cell(Text::toned(name, Tone::Dim)), self.cell(text)]);
        }
        flush_left(table)
    }

    fn bare_table(self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        match self.width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        if self.has_colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    fn cell(self, text: Text) -> Cell {
        let cell = Cell::new(if text.text.is_empty() { "-".to_owned() } else { text.text });
        if !self.has_colour {
            return cell;
        }
        match text.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Warn => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
            Tone::Dim => cell.add_attribute(Attribute::Dim),
        }
    }
}

/// The table as text, without the space that would stand before its first column.
fn flush_left(mut table: Table) -> String {
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// Writes a line to standard error, for what is not the answer itself.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{}", terminal::clean(text));
}

/// A reader that goes away, as `head` does, is no failure worth a message of its own.
pub(crate) fn broken(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent();
    }
    Failure::new(format!("standard output cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const PLAIN: Output = Output { is_json: false, has_colour: false, width: None };

    fn rows() -> Vec<Vec<Text>> {
        vec![
            vec!["ci".into(), Text::toned("active", Tone::Good), "github.*, demo.@read".into()],
            vec!["evil\u{1b}[31m".into(), Text::toned("revoked", Tone::Bad), "".into()],
        ]
    }

    #[test]
    fn tables_are_plain_text_without_a_terminal() {
        assert_snapshot!(PLAIN.render_table(&["name", "state", "permissions"], rows()), @r"
        NAME       STATE    PERMISSIONS
        ci         active   github.*, demo.@read
        evil�[31m  revoked  -
        ");
    }

    #[test]
    fn colours_come_only_where_they_are_wanted() {
        let colour = Output { has_colour: true, ..PLAIN };
        assert!(colour.render_table(&["name"], rows()).contains("\u{1b}["));
        assert!(!PLAIN.render_table(&["name"], rows()).contains('\u{1b}'));
    }

    #[test]
    fn tables_fit_the_terminal() {
        let narrow = Output { width: Some(40), ..PLAIN };
        let text = narrow.render_table(&["name", "state", "permissions"], rows());
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn fields_leave_out_what_is_empty() {
        let fields = vec![("id", "tok_1".into()), ("note", "".into()), ("state", "active".into())];
        assert_snapshot!(PLAIN.render_fields(fields), @r"
        id     tok_1
        state  active
        ");
    }
}
