//! Lines of a CRI log: `<RFC 3339 time> <stdout|stderr> <P|F> <text>`. Pure.

use jiff::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub time: &'a str,
    pub stream: &'a str,
    /// The text goes on in the next line of the same stream.
    pub partial: bool,
    pub text: &'a [u8],
}

/// `line` is without its end. `None` if it is not in CRI format.
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let (time, stream, tags) = (word()?, word()?, word()?);
    if !matches!(stream, "stdout" | "stderr") {
        return None;
    }
    let partial = match tags.split(':').next()? {
        "P" => true,
        "F" => false,
        _ => return None,
    };
    Some(Line { time, stream, partial, text: parts.next().unwrap_or_default() })
}

impl Line<'_> {
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }
}

/// The text of the last lines of a log, at most so many lines and bytes. A first line that is cut
/// off is dropped.
pub fn tail_text(log: &[u8], max_lines: usize, max_bytes: usize) -> String {
    let mut text = Vec::new();
    for line in log.split(|byte| *byte == b'\n').filter_map(parse) {
        text.extend_from_slice(line.text);
        if !line.partial {
            text.push(b'\n');
        }
    }
    let mut from = text.len().saturating_sub(max_bytes);
    let ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    // The end of the line before the wanted ones; the text's own last end is one of them.
    let skip = usize::from(text.last() == Some(&b'\n'));
    if let Some(at) = ends.skip(skip).nth(max_lines.saturating_sub(1)) {
        from = from.max(at + 1);
    }
    String::from_utf8_lossy(&text[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_full_partial_and_foreign_lines() {
        let line = parse(b"2026-01-02T03:04:05.6Z stderr P a b").expect("a line");
        assert_eq!((line.stream, line.partial, line.text), ("stderr", true, &b"a b"[..]));
        assert_eq!(line.timestamp().map(|time| time.as_second()), Some(1_767_323_045));
        let empty = parse(b"2026-01-02T03:04:05Z stdout F ").expect("a line");
        assert_eq!((empty.partial, empty.text), (false, &b""[..]));
        assert!(parse(b"hello there").is_none());
        assert!(parse(b"t stdwhat F x").is_none() && parse(b"").is_none());
    }

    #[test]
    fn the_tail_is_bounded_by_lines_and_bytes() {
        let log = b"t stdout F one\nt stdout P tw\nt stdout F o\nt stdout F three\n";
        assert_eq!(tail_text(log, 80, 2048), "one\ntwo\nthree\n");
        assert_eq!(tail_text(log, 2, 2048), "two\nthree\n");
        assert_eq!(tail_text(log, 80, 6), "three\n");
        assert_eq!(tail_text(b"", 80, 10), "");
    }
}
