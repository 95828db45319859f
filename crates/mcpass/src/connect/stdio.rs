//! Standard input and output. Each has a thread of its own: reading standard input cannot be given
//! up, and a runtime that waited for it would never end.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::client::MAX_MESSAGE;

/// Messages that wait on either side. A client that does not read holds back the network, and a
/// server that does not read holds back the client.
const QUEUE: usize = 16;

/// One line of the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Line {
    /// A message, without its line end.
    Message(Bytes),
    /// More bytes than a message may have. They were read and left out.
    TooLong,
}

/// Reads lines until the input ends.
pub(crate) fn read(input: impl io::Read + Send + 'static) -> mpsc::Receiver<Line> {
    let (lines, receiver) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(64 * 1024, input);
        // An input that breaks has ended.
        while let Ok(Some(line)) = next_line(&mut input, MAX_MESSAGE) {
            if line != Line::Message(Bytes::new()) && lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn next_line(input: &mut impl BufRead, max: usize) -> io::Result<Option<Line>> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() > max && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Some(Line::TooLong));
    }
    let end = line.trim_ascii_end().len();
    line.truncate(end);
    Ok(Some(Line::Message(line.into())))
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Writer(std::sync::mpsc::Receiver<()>);

/// Writes each message as a line, whole, until all senders are gone or the output is.
pub(crate) fn write(mut output: impl Write + Send + 'static) -> (mpsc::Sender<Bytes>, Writer) {
    let (sender, mut messages) = mpsc::channel::<Bytes>(QUEUE);
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        while let Some(message) = messages.blocking_recv() {
            let written = output.write_all(&message).and_then(|()| output.write_all(b"\n"));
            // What waits goes out together, and nothing is held back.
            let is_last = messages.is_empty();
            if written.and_then(|()| if is_last { output.flush() } else { Ok(()) }).is_err() {
                // Dropping the receiver tells the senders.
                return;
            }
        }
        drop(done);
    });
    (sender, Writer(is_done))
}

impl Writer {
    /// Waits until everything is written, or so long. All senders have to be gone.
    pub(crate) fn finish(self, patience: Duration) {
        // The thread says nothing; that it ends closes the channel.
        let _ = self.0.recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, max: usize) -> Vec<Line> {
        let mut input = BufReader::new(text.as_bytes());
        std::iter::from_fn(|| next_line(&mut input, max).unwrap()).collect()
    }

    fn message(text: &'static str) -> Line {
        Line::Message(Bytes::from(text))
    }

    #[test]
    fn lines_end_in_any_way() {
        assert_eq!(
            lines("a\nb\r\n\nc", 9),
            [message("a"), message("b"), message(""), message("c")]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_is_read() {
        assert_eq!(
            lines("1234\n12345\n123456\nab\n", 5),
            [message("1234"), message("12345"), Line::TooLong, message("ab")]
        );
    }

    #[tokio::test]
    async fn empty_lines_are_no_messages() {
        let mut receiver = read(&b"\n{}\n\n[]\n"[..]);
        assert_eq!(receiver.recv().await, Some(message("{}")));
        assert_eq!(receiver.recv().await, Some(message("[]")));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lines_are_written_whole_whoever_sends_them() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (sender, writing) = write(writer);
        for sender_number in 0..8 {
            let sender = sender.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let text = format!("{sender_number}").repeat(1 + number * 100);
                    sender.send(text.into()).await.unwrap();
                }
            });
        }
        drop(sender);
        let lines: Vec<String> = tokio::task::spawn_blocking(|| {
            BufReader::new(reader).lines().map(Result::unwrap).collect()
        })
        .await
        .unwrap();
        writing.finish(Duration::from_secs(30));
        assert_eq!(lines.len(), 400);
        assert!(lines.iter().all(|line| line.bytes().all(|byte| byte == line.as_bytes()[0])));
    }

    #[tokio::test]
    async fn an_output_that_is_gone_is_known_to_its_senders() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (sender, _writing) = write(writer);
        drop(reader);
        sender.send(Bytes::from("x")).await.unwrap();
        sender.closed().await;
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_back_whoever_writes() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (sender, _writing) = write(writer);
        let large = Bytes::from("x".repeat(1 << 20));
        // One is being written, the queue holds the others.
        for _ in 0..=QUEUE {
            sender.send(large.clone()).await.unwrap();
        }
        assert!(sender.try_send(large.clone()).is_err());
        let read = tokio::task::spawn_blocking(move || {
            let mut some = vec![0; 1 << 21];
            reader.read_exact(&mut some).map(|()| reader)
        });
        sender.send(large).await.unwrap();
        read.await.unwrap().unwrap();
    }
}
