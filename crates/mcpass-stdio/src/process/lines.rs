//! Lines of a pipe, of bounded length.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

const BUFFER: usize = 64 * 1024;

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    max: usize,
    /// The rest of a line that was cut has to be passed over.
    is_cut: bool,
}

/// One line, without its end.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// It is longer than allowed, and this is its beginning.
    pub(super) is_cut: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `max` bytes.
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, reader), max, is_cut: false }
    }

    /// The next line; none at the end. What stands after the last line end is a line, too.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        loop {
            let buffer = self.reader.fill_buf().await?;
            if buffer.is_empty() {
                let line = Line { text, is_cut: false };
                return Ok((!line.text.is_empty()).then_some(line));
            }
            let end = memchr::memchr(b'\n', buffer);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let taken = part.len().saturating_add(usize::from(end.is_some()));
            if self.is_cut {
                self.is_cut = end.is_none();
                self.reader.consume(taken);
                continue;
            }
            let room = self.max.saturating_sub(text.len());
            let is_cut = part.len() > room;
            text.extend_from_slice(part.get(..room).unwrap_or(part));
            self.reader.consume(taken);
            if is_cut || end.is_some() {
                self.is_cut = is_cut && end.is_none();
                return Ok(Some(Line { text, is_cut }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(text: &[u8], max: usize) -> Vec<(String, bool)> {
        let mut lines = Lines::new(text, max);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push((String::from_utf8(line.text).unwrap(), line.is_cut));
        }
        all
    }

    #[tokio::test]
    async fn lines_are_cut_at_the_limit_and_the_next_one_is_whole() {
        let read = all(b"ab\n\nabcdef\nabc\nlast", 3).await;
        let expected = [("ab", false), ("", false), ("abc", true), ("abc", false), ("las", true)];
        assert_eq!(read, expected.map(|(text, is_cut)| (text.to_owned(), is_cut)));
    }

    #[tokio::test]
    async fn a_line_longer_than_the_buffer_is_one_line() {
        let long = "x".repeat(3 * BUFFER);
        let text = format!("{long}\nshort\n");
        assert_eq!(
            all(text.as_bytes(), 4 * BUFFER).await,
            [(long, false), ("short".to_owned(), false)]
        );
        let cut = all(text.as_bytes(), BUFFER + 1).await;
        assert_eq!(cut[0], ("x".repeat(BUFFER + 1), true));
        assert_eq!(cut[1..], [("short".to_owned(), false)]);
    }
}
