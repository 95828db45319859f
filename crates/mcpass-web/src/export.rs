//! CSV of the access log: RFC 4180 quoting, and cells that no spreadsheet takes for a formula.

use std::io::Write;

use mcpass_authority::api::AccessView;

/// The columns, in their order. Scripts rely on it: add at the end only.
const COLUMNS: &[&str] = &[
    "id",
    "at",
    "surface",
    "token",
    "family",
    "token_name",
    "hint",
    "user",
    "remote_ip",
    "user_agent",
    "client_name",
    "client_version",
    "server",
    "method",
    "target_kind",
    "target",
    "allowed",
    "reason",
    "detail",
    "cost",
    "state",
    "http_status",
    "rpc_code",
    "is_error",
    "failure",
    "request_bytes",
    "response_bytes",
    "response_chars",
    "duration_us",
    "upstream_us",
    "session",
    "rpc_id",
    "trace_id",
    "arguments",
];

/// Writes rows of the access log as CSV.
#[derive(Debug)]
pub struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> Csv<W> {
    /// Begins with the header row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(to: W) -> csv::Result<Self> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to);
        writer.write_record(COLUMNS)?;
        Ok(Self(writer))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn row(&mut self, row: &AccessView) -> csv::Result<()> {
        self.0.write_record(cells(row).map(|cell| defuse(&cell)))
    }

    /// The same without the header row, for the rest of a file.
    pub fn rest(to: W) -> Self {
        Self(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to))
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> csv::Result<()> {
        Ok(self.0.flush()?)
    }
}

/// A spreadsheet runs a cell that begins with one of these; an apostrophe before it makes it text
/// (OWASP, CSV Injection). Where people write decimal commas, cells begin after a semicolon as well,
/// and elsewhere after a tab.
fn defuse(cell: &str) -> String {
    if cell.parse::<i64>().is_ok() {
        return cell.to_owned();
    }
    let mut text = String::with_capacity(cell.len() + 1);
    let mut may_begin = true;
    for letter in cell.chars() {
        // Full-width forms are read as the plain ones.
        let is_formula = matches!(
            letter,
            '=' | '+' | '-' | '@' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}'
        );
        let is_blank = text.is_empty() && matches!(letter, '\t' | '\r' | '\n');
        if may_begin && is_formula || is_blank {
            text.push('\'');
        }
        may_begin = matches!(letter, ';' | '\t' | '\r' | '\n');
        text.push(letter);
    }
    text
}

fn cells(row: &AccessView) -> impl Iterator<Item = String> {
    fn optional<T: ToString>(value: Option<T>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    [
        row.id.to_string(),
        row.at.to_string(),
        row.surface.clone(),
        optional(row.token),
        optional(row.family),
        row.token_name.clone(),
        optional(row.hint.as_deref()),
        row.user.clone(),
        row.remote_ip.clone(),
        row.user_agent.clone(),
        row.client_name.clone(),
        row.client_version.clone(),
        row.server.clone(),
        row.method.clone(),
        row.target_kind.clone(),
        row.target.clone(),
        row.allowed.to_string(),
        row.reason.clone(),
        row.detail.clone(),
        row.cost.to_string(),
        row.state.clone(),
        optional(row.http_status),
        optional(row.rpc_code),
        optional(row.is_error),
        optional(row.failure.as_deref()),
        row.request_bytes.to_string(),
        optional(row.response_bytes),
        optional(row.response_chars),
        optional(row.duration_us),
        optional(row.upstream_us),
        row.session.clone(),
        row.rpc_id.clone(),
        row.trace_id.clone(),
        row.arguments.clone(),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row with every field set.
    fn sample() -> AccessView {
        serde_json::from_str(
            r#"{"id":"req_0000000000000000000001","at":"2026-11-21T08:30:00Z","surface":"mcp",
            "token":"tok_0000000000000000000001","family":"fam_0000000000000000000001",
            "token_name":"ci","hint":"mcp_Ab3dEf9h","user":"ana","remote_ip":"10.0.0.9",
            "user_agent":"curl/8","client_name":"c","client_version":"1","server":"demo",
            "method":"tools/call","target_kind":"tool","target":"get_note","allowed":true,
            "reason":"allowed","detail":"","cost":1,"state":"done","http_status":200,
            "rpc_code":null,"is_error":false,"failure":null,"request_bytes":120,
            "response_bytes":340,"response_chars":300,"duration_us":12900,"upstream_us":11000,
            "session":"","rpc_id":"1","trace_id":"","arguments":""}"#,
        )
        .unwrap()
    }

    fn export(rows: &[AccessView]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out).unwrap();
        for row in rows {
            csv.row(row).unwrap();
        }
        csv.flush().unwrap();
        drop(csv);
        String::from_utf8(out).unwrap()
    }

    fn read_back(text: &str) -> Vec<csv::StringRecord> {
        csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let text = export(&[sample()]);
        let rows = read_back(&text);
        assert_eq!(rows[0].len(), COLUMNS.len());
        assert_eq!(&rows[0][15], "get_note");
        assert!(text.contains("\r\nreq_"));
    }

    #[test]
    fn formulas_become_text() {
        for (input, output) in [
            ("=HYPERLINK(\"http://evil\")", "'=HYPERLINK(\"http://evil\")"),
            ("+1+1", "'+1+1"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\u{FF1D}1+1", "'\u{FF1D}1+1"),
            ("a;\u{FF20}SUM(A1)", "a;'\u{FF20}SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("-32602", "-32602"),
            ("a;=1+1", "a;'=1+1"),
            ("a\t@SUM(A1);-x", "a\t'@SUM(A1);'-x"),
            ("Mozilla/5.0 (X11; +http://x)", "Mozilla/5.0 (X11; +http://x)"),
            ("get_note", "get_note"),
            ("", ""),
        ] {
            let row = AccessView { target: input.to_owned(), ..sample() };
            assert_eq!(&read_back(&export(&[row]))[0][15], output);
        }
    }

    #[test]
    fn quotes_commas_and_line_breaks_survive() {
        let text = "a \"quoted\", two\r\nlines";
        let row = AccessView { user_agent: text.to_owned(), ..sample() };
        assert_eq!(&read_back(&export(&[row]))[0][9], text);
    }
}
