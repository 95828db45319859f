//! Server-sent events with their exact bytes (WHATWG HTML, section 9.2 "Server-sent events").
//!
//! The reader gives one block after another: what stands up to and including an empty line.
//! Comments that open a block do not wait for its end, because they are there to be noticed. All
//! blocks one after another, with what [`Reader::finish`] gives, are the stream byte for byte, so
//! passing a block on passes on its id, retry, comments and line ends.

use bytes::{Bytes, BytesMut};

#[cfg(test)]
mod tests;

/// Reads a stream in whatever chunks it comes.
#[derive(Debug)]
pub struct Reader {
    buffer: BytesMut,
    /// How far the buffer has been looked at.
    scanned: usize,
    /// Where the line being looked at begins.
    line: usize,
    /// The last byte looked at was a carriage return: a line feed now belongs to it.
    after_cr: bool,
    /// All lines of the block so far are comments.
    only_comments: bool,
    is_first: bool,
    max: usize,
}

/// One block of a stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// The bytes as they were sent, the empty line included.
    pub raw: Bytes,
    /// The data lines joined by line feeds; `None` if there is no data line. Empty data, as in
    /// the event that primes a stream, is not dispatched by clients.
    pub data: Option<Bytes>,
    /// The last `id` line.
    pub id: Option<Bytes>,
    /// The last `event` line.
    pub event: Option<Bytes>,
    /// The last `retry` line that is a number: milliseconds.
    pub retry: Option<u64>,
    /// The block is the first of its stream and begins with a byte order mark.
    has_bom: bool,
}

/// A block is larger than allowed. Nothing more can be read from the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an event of the stream is larger than {max} bytes")]
pub struct EventTooLarge {
    /// Bytes allowed.
    pub max: usize,
}

impl Reader {
    /// A reader of blocks of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            line: 0,
            after_cr: false,
            only_comments: true,
            is_first: true,
            max,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next complete block, or the comments that open the next one, if they are there yet.
    ///
    /// # Errors
    /// When a block is too large, now and ever after.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventTooLarge> {
        let end = self.block_end();
        if end.unwrap_or(self.buffer.len()) > self.max {
            // What stays in the buffer keeps the error standing.
            self.scanned = 0;
            self.line = 0;
            return Err(EventTooLarge { max: self.max });
        }
        // Comments are ignored wherever they stand (WHATWG HTML, section 9.2.6), so they may go
        // ahead of their block.
        let comments = (self.only_comments && self.line > 0).then_some(self.line);
        Ok(end.or(comments).map(|end| self.take(end)))
    }

    /// What is left when the stream has ended: a block without its empty line, which clients do
    /// not dispatch.
    pub fn finish(mut self) -> Option<Event> {
        let end = self.buffer.len();
        (end > 0).then(|| self.take(end))
    }

    fn take(&mut self, end: usize) -> Event {
        let raw = self.buffer.split_to(end).freeze();
        self.scanned = 0;
        self.line = 0;
        self.only_comments = true;
        let is_first = std::mem::take(&mut self.is_first);
        Event::parse(&raw, is_first)
    }

    /// Where the first block of the buffer ends.
    fn block_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.buffer.get(self.scanned..)?;
            if let (true, Some(&next)) = (self.after_cr, rest.first()) {
                self.after_cr = false;
                if next == b'\n' {
                    self.scanned = self.scanned.saturating_add(1);
                    self.line = self.scanned;
                    continue;
                }
            }
            let Some(found) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.scanned = self.buffer.len();
                return None;
            };
            let is_cr = rest.get(found) == Some(&b'\r');
            let at = self.scanned.saturating_add(found);
            let text = self.text_of_line();
            let is_empty = at == text;
            self.only_comments &= is_empty || self.buffer.get(text) == Some(&b':');
            self.scanned = at.saturating_add(1);
            if is_cr && self.buffer.get(self.scanned) == Some(&b'\n') {
                self.scanned = self.scanned.saturating_add(1);
            } else {
                // A block is not held back for a line feed that may never come: if it does, the
                // next block begins with it.
                self.after_cr = is_cr;
            }
            self.line = self.scanned;
            if is_empty {
                return Some(self.scanned);
            }
        }
    }

    /// Where the text of the present line begins: a byte order mark is no part of it.
    fn text_of_line(&self) -> usize {
        let has_bom = self.is_first && self.line == 0 && self.buffer.starts_with(BOM);
        if has_bom { BOM.len() } else { self.line }
    }
}

impl Event {
    fn parse(raw: &Bytes, is_first: bool) -> Self {
        let has_bom = is_first && raw.starts_with(BOM);
        let mut event = Self { raw: raw.clone(), has_bom, ..Self::default() };
        let mut joined: Option<Vec<u8>> = None;
        for line in lines(if has_bom { raw.strip_prefix(BOM).unwrap_or(raw) } else { raw }) {
            let (field, value) = field(line);
            match field {
                b"data" => match (&mut event.data, &mut joined) {
                    (None, _) => event.data = Some(raw.slice_ref(value)),
                    (Some(_), Some(all)) => {
                        all.push(b'\n');
                        all.extend_from_slice(value);
                    }
                    (Some(first), None) => {
                        joined = Some([first.as_ref(), b"\n", value].concat());
                    }
                },
                b"id" if !value.contains(&0) => event.id = Some(raw.slice_ref(value)),
                b"event" => event.event = Some(raw.slice_ref(value)),
                b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                    let digits = std::str::from_utf8(value).unwrap_or_default();
                    event.retry = digits.parse().ok().or(event.retry);
                }
                _ => {}
            }
        }
        if let Some(joined) = joined {
            event.data = Some(joined.into());
        }
        event
    }

    fn split_bom(&self) -> (&[u8], &[u8]) {
        self.raw.split_at_checked(if self.has_bom { BOM.len() } else { 0 }).unwrap_or_default()
    }

    /// Whether a client dispatches it: whether it has data.
    pub fn has_data(&self) -> bool {
        self.data.as_ref().is_some_and(|data| !data.is_empty())
    }

    /// The same block with other data: the data lines are replaced where the first of them stood,
    /// and everything else, `id`, `event`, `retry` and comments, stays as it was sent.
    pub fn with_data(&self, data: &[u8]) -> Bytes {
        self.rewritten("", Some(data))
    }

    /// The same block with `prefix`, which has no line end, before each id, and with other data if
    /// there is any. An empty id, by which a stream says that it cannot be resumed from there,
    /// stays empty.
    pub fn rewritten(&self, prefix: &str, data: Option<&[u8]>) -> Bytes {
        let mut out =
            Vec::with_capacity(self.raw.len().saturating_add(data.map_or(16, <[u8]>::len)));
        let mut is_written = false;
        let (bom, mut rest) = self.split_bom();
        out.extend_from_slice(bom);
        while !rest.is_empty() {
            let (line, ending, after) = split_line(rest);
            rest = after;
            match (field(line), data) {
                ((b"data", _), Some(data)) => {
                    if !is_written {
                        write_data(&mut out, data, if ending.is_empty() { b"\n" } else { ending });
                        is_written = true;
                    }
                    continue;
                }
                ((b"id", id), _) if !prefix.is_empty() && !id.is_empty() => {
                    out.extend_from_slice(b"id: ");
                    out.extend_from_slice(prefix.as_bytes());
                    out.extend_from_slice(id);
                }
                _ => out.extend_from_slice(line),
            }
            out.extend_from_slice(ending);
        }
        out.into()
    }
}

/// One event in its usual form, line feeds as line ends.
pub fn encode(data: &[u8], event: Option<&str>, id: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(data.len().saturating_add(64));
    for (name, value) in [("event", event), ("id", id)] {
        // A line end in a name or id would begin another field.
        if let Some(value) = value.filter(|value| !value.contains(['\r', '\n', '\0'])) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.push(b'\n');
        }
    }
    write_data(&mut out, data, b"\n");
    out.push(b'\n');
    out.into()
}

/// What keeps an idle connection open: a comment.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn write_data(out: &mut Vec<u8>, data: &[u8], ending: &[u8]) {
    let mut rest = data;
    loop {
        let (line, separator, after) = split_line(rest);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(ending);
        if separator.is_empty() {
            return;
        }
        rest = after;
    }
}

/// A line, its end (CR LF, LF or CR; empty at the end of the text), and what comes after.
fn split_line(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let at = memchr::memchr2(b'\r', b'\n', text).unwrap_or(text.len());
    let (line, rest) = text.split_at(at);
    let ending = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
    let (ending, after) = rest.split_at(ending);
    (line, ending, after)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| {
            let (line, _, after) = split_line(rest);
            rest = after;
            line
        })
    })
}

/// The name of a field and its value without one leading space. A comment has the empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(at) => {
            let (name, value) = line.split_at(at);
            let value = value.strip_prefix(b":").unwrap_or(value);
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}
