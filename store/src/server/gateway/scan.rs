//! Where one JSON value ends and the next begins, in a body that may still be arriving.

use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// What a buffer begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// A whole value, from its first byte to behind its last.
    Value(std::ops::Range<usize>),
    /// Nothing but white space.
    Nothing,
    /// A value that goes on behind the buffer.
    Unfinished,
    /// No JSON, in Go's words.
    Syntax(String),
}

/// Looks at the front of `buffer`. A number at its very end counts as whole.
pub(super) fn scan(buffer: &[u8]) -> Scan {
    let Some(start) = buffer.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Scan::Nothing;
    };
    let mut values = Deserializer::from_slice(&buffer[start..]).into_iter::<IgnoredAny>();
    match values.next() {
        None => Scan::Nothing,
        Some(Ok(_)) => Scan::Value(start..start + values.byte_offset()),
        Some(Err(error)) if error.is_eof() => Scan::Unfinished,
        Some(Err(error)) => Scan::Syntax(in_gos_words(&buffer[start..], &error)),
    }
}

/// What a body that ends within a value is refused with.
pub(super) const UNFINISHED: &str = "unexpected EOF";

fn in_gos_words(text: &[u8], error: &serde_json::Error) -> String {
    let expected = error.to_string();
    let place = if expected.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if expected.starts_with("expected `:`") {
        "after object key"
    } else if expected.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if expected.starts_with("expected `,` or `]`") {
        "after array element"
    } else if expected.starts_with("invalid escape") {
        "in string escape code"
    } else if expected.starts_with("control character") {
        "in string literal"
    } else if expected.starts_with("invalid number") {
        "in numeric literal"
    } else {
        "looking for beginning of value"
    };
    let line = text.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
    let at = error.column().saturating_sub(1);
    let rest = String::from_utf8_lossy(line.and_then(|line| line.get(at..)).unwrap_or_default());
    match rest.chars().next() {
        Some('\'') => format!("invalid character '\\'' {place}"),
        Some(character) => format!("invalid character '{character}' {place}"),
        None => format!("invalid character '\\n' {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_one_by_one() {
        let cases: [(&str, Scan); 8] = [
            ("", Scan::Nothing),
            (" \r\n\t", Scan::Nothing),
            ("{}", Scan::Value(0..2)),
            (" {\"a\":[1,{}]} {}", Scan::Value(1..13)),
            ("{\"a\":1}{\"a\":2}", Scan::Value(0..7)),
            ("{\"a\"", Scan::Unfinished),
            ("[1,", Scan::Unfinished),
            ("\"abc", Scan::Unfinished),
        ];
        for (text, expected) in cases {
            assert_eq!(scan(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_go_does() {
        let cases = [
            ("{key", "invalid character 'k' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("garbage", "invalid character 'g' looking for beginning of value"),
            ("{\"a\":'x'}", "invalid character '\\'' looking for beginning of value"),
        ];
        for (text, expected) in cases {
            assert_eq!(scan(text.as_bytes()), Scan::Syntax(expected.to_owned()), "{text}");
        }
    }
}
