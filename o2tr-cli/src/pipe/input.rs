//! Lines from standard input, bounded, read on a thread of their own so that timers can run between them.

use std::io::{self, BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use zeroize::Zeroizing;

/// The longest line in bytes: the largest message that OTR lets through, and the JSON around it.
const MAX_LINE: usize = 4 << 20;
/// Lines that are read ahead.
const READ_AHEAD: usize = 64;

/// Something from standard input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its end. It may hold a secret.
    Text(Zeroizing<Vec<u8>>),
    /// A line beyond the limit; it was passed over.
    TooLong,
    /// There is nothing more.
    End,
}

/// Standard input.
#[derive(Debug)]
pub(super) struct Input(Receiver<Line>);

impl Input {
    /// Starts reading.
    pub(super) fn read_stdin() -> Self {
        let (sender, receiver) = sync_channel(READ_AHEAD);
        std::thread::spawn(move || pump(BufReader::new(io::stdin()), |line| sender.send(line).is_ok()));
        Self(receiver)
    }

    /// Starts reading for a task: the lines come over a channel of its kind.
    pub(super) fn read_stdin_for_task() -> tokio::sync::mpsc::Receiver<Line> {
        let (sender, receiver) = tokio::sync::mpsc::channel(READ_AHEAD);
        std::thread::spawn(move || pump(BufReader::new(io::stdin()), |line| sender.blocking_send(line).is_ok()));
        receiver
    }

    /// The next line, or `None` if none comes in time.
    pub(super) fn next(&self, wait: Duration) -> Option<Line> {
        match self.0.recv_timeout(wait) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Line::End),
        }
    }
}

fn pump(mut input: impl BufRead, hand_over: impl Fn(Line) -> bool) {
    loop {
        // What cannot be read any more has ended.
        let line = read_line(&mut input).unwrap_or(Line::End);
        let ended = line == Line::End;
        if !hand_over(line) || ended {
            return;
        }
    }
}

/// Reads up to a line feed or the end. A last line without an end counts.
fn read_line(input: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Zeroizing::new(Vec::new());
    let mut any = false;
    let mut too_long = false;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let (piece, used) = match end {
            Some(end) => (available.get(..end).unwrap_or_default(), end + 1),
            None => (available, available.len()),
        };
        too_long |= line.len() + piece.len() > MAX_LINE;
        if !too_long {
            line.extend_from_slice(piece);
        }
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(match (any, too_long) {
        (false, _) => Line::End,
        (true, true) => Line::TooLong,
        (true, false) => Line::Text(line),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Line> {
        let mut input = BufReader::with_capacity(7, input);
        let mut lines = Vec::new();
        loop {
            let line = read_line(&mut input).unwrap();
            if line == Line::End {
                return lines;
            }
            lines.push(line);
        }
    }

    fn text(line: &[u8]) -> Line {
        Line::Text(line.to_vec().into())
    }

    #[test]
    fn lines_end_at_line_feeds_and_at_the_end() {
        assert_eq!(all(b""), []);
        assert_eq!(all(b"one\n\nthree is longer"), [text(b"one"), text(b""), text(b"three is longer")]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_the_next_is_read() {
        let mut input = vec![b'x'; MAX_LINE + 1];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(all(&input), [Line::TooLong, text(b"next")]);
    }
}
