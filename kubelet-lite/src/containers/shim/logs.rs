//! Container logs as CRI has them: `<time> <stream> <F|P> <text>`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longer lines are split, as containerd does.
const LINE_LIMIT: usize = 16 * 1024;
/// What is read at once. A container that writes faster waits for its pipe.
const READ_SIZE: usize = 32 * 1024;

/// Splits what a container writes into log lines.
#[derive(Debug)]
pub(super) struct Framer {
    stream: &'static str,
    pending: Vec<u8>,
}

impl Framer {
    pub(super) fn new(stream: &'static str) -> Self {
        Self { stream, pending: vec![] }
    }

    /// Appends the log lines that `bytes` completes to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], time: &str, out: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.pending.extend_from_slice(text);
            while self.pending.len() > LINE_LIMIT {
                let rest = self.pending.split_off(LINE_LIMIT);
                self.line(time, b'P', out);
                self.pending = rest;
            }
            if ends {
                self.line(time, b'F', out);
            }
        }
    }

    /// What is left at the end without a newline is a partial line.
    pub(super) fn finish(&mut self, time: &str, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.line(time, b'P', out);
        }
    }

    fn line(&mut self, time: &str, tag: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(time.as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.stream.as_bytes());
        out.extend_from_slice(&[b' ', tag, b' ']);
        out.append(&mut self.pending);
        out.push(b'\n');
    }
}

/// One of a container's streams on its way into the log file.
#[derive(Debug)]
pub(super) struct Stream {
    pipe: File,
    framer: Framer,
    log: File,
}

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    ForNow,
    AtEnd,
}

impl Stream {
    /// `pipe` does not block.
    pub(super) fn new(pipe: OwnedFd, stream: &'static str, log: File) -> Self {
        Self { pipe: pipe.into(), framer: Framer::new(stream), log }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Moves one buffer's worth. A log file that cannot be written loses lines rather than stopping
    /// the container.
    pub(super) fn pump(&mut self) -> Drained {
        let mut buffer = [0; READ_SIZE];
        let read = match self.pipe.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::ForNow,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Drained::ForNow,
            Err(_) => 0, // A terminal says EIO when its last user has gone.
        };
        let mut lines = vec![];
        let time = now();
        match read {
            0 => self.framer.finish(&time, &mut lines),
            read => self.framer.push(&buffer[..read], &time, &mut lines),
        }
        let _ = self.log.write_all(&lines);
        match read {
            0 => Drained::AtEnd,
            _ => Drained::ForNow,
        }
    }

    /// Moves all that is there now, within a bound: a process that outlived its container and goes
    /// on writing is left to the loop.
    pub(super) fn drain(&mut self) -> Drained {
        const BUFFERS: usize = 64;
        for _ in 0..BUFFERS {
            if !self.is_readable() {
                return Drained::ForNow;
            }
            if self.pump() == Drained::AtEnd {
                return Drained::AtEnd;
            }
        }
        Drained::ForNow
    }

    fn is_readable(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut fds = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

fn now() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(pieces: &[&[u8]]) -> String {
        let mut framer = Framer::new("stdout");
        let mut out = vec![];
        for piece in pieces {
            framer.push(piece, "T", &mut out);
        }
        framer.finish("T", &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_framed_whatever_the_pieces() {
        for (pieces, expected) in [
            (vec![&b"a\nb\n"[..]], "T stdout F a\nT stdout F b\n"),
            (vec![b"a", b"b\nc", b"\n"], "T stdout F ab\nT stdout F c\n"),
            (vec![b"a\n\n"], "T stdout F a\nT stdout F \n"),
            (vec![b"no newline"], "T stdout P no newline\n"),
            (vec![b""], ""),
        ] {
            assert_eq!(framed(&pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn long_lines_are_split() {
        let line = vec![b'x'; LINE_LIMIT + 3];
        let log = framed(&[&line, b"\n"]);
        let tags: Vec<(&str, usize)> = log
            .lines()
            .map(|line| {
                let text = line.rsplit(' ').next().expect("a text");
                (&line[9..10], text.len())
            })
            .collect();
        assert_eq!(tags, [("P", LINE_LIMIT), ("F", 3)]);
    }

    #[test]
    fn times_have_nine_digits_and_end_in_z() {
        let time = now();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000000000Z".len(), "{time}");
        assert!(time.ends_with('Z'));
    }
}
