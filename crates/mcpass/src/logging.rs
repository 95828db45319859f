//! Log lines, to standard error, with a last line of defence against secrets in them.

use std::io::{self, Write};

use mcpass_domain::redact;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogConfig, LogFormat};

/// Begins to write log lines as configured. Call once.
///
/// # Errors
/// When something in this process writes log lines already.
pub(crate) fn start(config: &LogConfig) -> Result<(), tracing_subscriber::util::TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = EnvFilter::builder().parse_lossy(config.level.value.as_str());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Masked(io::stderr as fn() -> _));
    match config.format.value {
        LogFormat::Text => builder.with_ansi(false).finish().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    }
}

/// Masks what looks like a token in whatever is written.
#[derive(Clone, Debug)]
pub(crate) struct Masked<M>(pub(crate) M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Masked<M> {
    type Writer = MaskedWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        MaskedWriter { to: self.0.make_writer(), line: Vec::new() }
    }
}

/// Holds back what is written until a line is complete, so that a token which comes in pieces is
/// found too.
#[derive(Debug)]
pub(crate) struct MaskedWriter<W: Write> {
    to: W,
    line: Vec<u8>,
}

impl<W: Write> Write for MaskedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            let lines = std::mem::replace(&mut self.line, rest);
            self.to.write_all(&redact::mask_bytes(&lines))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        self.to.write_all(&redact::mask_bytes(&line))?;
        self.to.flush()
    }
}

impl<W: Write> Drop for MaskedWriter<W> {
    fn drop(&mut self) {
        // There is nowhere to report a log line that cannot be written.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use mcpass_domain::{SeededEntropy, TokenSecret};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_token_that_reaches_a_log_line_is_masked() {
        let token = TokenSecret::generate(&SeededEntropy::new(9)).unwrap();
        let buffer = Buffer::default();
        let writer = Masked({
            let buffer = buffer.clone();
            move || buffer.clone()
        });
        let subscriber = tracing_subscriber::fmt().with_writer(writer).json().finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(header = token.expose(), "a careless line with {}", token.expose());
        });
        let text = buffer.text();
        assert!(
            text.contains(&token.hint().to_string()) && text.contains("a careless line"),
            "{text}"
        );
        assert!(!text.contains(&token.expose()[..20]), "{text}");
    }

    #[test]
    fn a_token_in_pieces_is_masked_and_nothing_else_is_lost() {
        let token = TokenSecret::generate(&SeededEntropy::new(10)).unwrap();
        let buffer = Buffer::default();
        let masked = Masked({
            let buffer = buffer.clone();
            move || buffer.clone()
        });
        let mut writer = masked.make_writer();
        let (front, back) = token.expose().split_at(30);
        for piece in ["first\nkey=", front, back, " end"] {
            writer.write_all(piece.as_bytes()).unwrap();
        }
        drop(writer);
        assert_eq!(buffer.text(), format!("first\nkey={} end", token.hint()));
    }
}
