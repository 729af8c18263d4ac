//! Turns log lines into what a reader asked for. Pure: bytes in, bytes out.

use jiff::Timestamp;

use super::line;
use super::options::{Options, Stream};

/// Longest unfinished line that is kept for its end: more than any runtime writes at once.
const MAX_LINE: usize = 1 << 20;

/// Fed with pieces of a log file in order, gives the pieces of the answer.
pub struct Filter {
    timestamps: bool,
    since: Option<Timestamp>,
    stream: Stream,
    /// Bytes that may still be given out.
    left: Option<u64>,
    /// The begin of a line whose end has not come yet.
    unfinished: Vec<u8>,
    /// The line before was partial, so that the next one goes on in it.
    in_line: bool,
}

impl Filter {
    pub fn new(options: &Options) -> Self {
        Self {
            timestamps: options.timestamps,
            since: options.since,
            stream: options.stream,
            left: options.limit_bytes,
            unfinished: Vec::new(),
            in_line: false,
        }
    }

    /// The limit is reached: nothing more will come.
    pub fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if self.unfinished.is_empty() {
                self.line(&rest[..end], &mut out);
            } else {
                let mut whole = std::mem::take(&mut self.unfinished);
                whole.extend_from_slice(&rest[..end]);
                self.line(&whole, &mut out);
            }
            rest = &rest[end + 1..];
        }
        if self.unfinished.len() + rest.len() <= MAX_LINE {
            self.unfinished.extend_from_slice(rest);
        } else {
            self.unfinished.clear();
        }
        if let Some(left) = &mut self.left {
            out.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= out.len() as u64;
        }
        out
    }

    /// A line that is not in CRI format is passed over.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let Some(line) = line::parse(line) else { return };
        if !self.stream.takes(line.stream) {
            return;
        }
        let too_old = |since| line.timestamp().is_some_and(|time| time < since);
        if self.since.is_some_and(too_old) {
            return;
        }
        if self.timestamps && !self.in_line {
            out.extend_from_slice(line.time.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(line.text);
        if !line.partial {
            out.push(b'\n');
        }
        self.in_line = line.partial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"2026-01-01T00:00:01Z stdout F one\n\
        2026-01-01T00:00:02Z stderr F two\nrubbish\n\
        2026-01-01T00:00:03Z stdout P thr\n2026-01-01T00:00:04Z stdout F ee\n";

    fn run(options: Options, pieces: usize) -> String {
        let mut filter = Filter::new(&options);
        let out: Vec<u8> =
            LOG.chunks(LOG.len().div_ceil(pieces)).flat_map(|piece| filter.feed(piece)).collect();
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn gives_what_was_asked_for_however_the_pieces_fall() {
        let base = Options::default;
        let cases = [
            (base(), "one\ntwo\nthree\n"),
            (Options { stream: Stream::Stderr, ..base() }, "two\n"),
            (Options { limit_bytes: Some(5), ..base() }, "one\nt"),
            (Options { since: "2026-01-01T00:00:02Z".parse().ok(), ..base() }, "two\nthree\n"),
            (
                Options { timestamps: true, stream: Stream::Stdout, ..base() },
                "2026-01-01T00:00:01Z one\n2026-01-01T00:00:03Z three\n",
            ),
        ];
        for (options, wanted) in cases {
            for pieces in [1, 2, 7, LOG.len()] {
                assert_eq!(run(options.clone(), pieces), wanted, "{options:?} in {pieces}");
            }
        }
    }
}
