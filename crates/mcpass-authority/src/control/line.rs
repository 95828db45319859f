//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use zeroize::Zeroizing;

/// What came before the end of a line.
#[derive(Debug)]
pub(super) enum Line {
    /// A whole line, without its end. Wiped when dropped: it may hold a plaintext.
    Whole(Zeroizing<Vec<u8>>),
    /// More than a line may have.
    TooLong,
    /// The other side has gone.
    Closed,
}

/// Reads a line of at most `most` bytes.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin), most: usize) -> io::Result<Line> {
    let mut line = Zeroizing::new(Vec::new());
    loop {
        let available = from.fill_buf().await?;
        if available.is_empty() {
            return Ok(Line::Closed);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        if line.len() + part.len() > most {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Line::Whole(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_read_up_to_their_limit() {
        let mut from = tokio::io::BufReader::with_capacity(3, &b"abcdef\n\nabcdefg\n"[..]);
        let whole = |line| match line {
            Line::Whole(text) => String::from_utf8(text.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(whole(read(&mut from, 6).await.unwrap()), "abcdef");
        assert_eq!(whole(read(&mut from, 6).await.unwrap()), "");
        assert!(matches!(read(&mut from, 6).await.unwrap(), Line::TooLong));
        let mut cut = &b"abc"[..];
        assert!(matches!(read(&mut cut, 6).await.unwrap(), Line::Closed));
    }
}
