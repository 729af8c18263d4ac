//! Double-quoted strings as `strconv.Quote` writes them and `%q` reads them.

/// Quotes bytes: printable UTF-8 as it is, everything else escaped.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_escaped(&mut out, character));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

fn push_escaped(out: &mut String, character: char) {
    let code = u32::from(character);
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if is_printable(character) => out.push(character),
        _ if code < 0x80 => out.push_str(&format!("\\x{code:02x}")),
        _ if code < 0x10000 => out.push_str(&format!("\\u{code:04x}")),
        _ => out.push_str(&format!("\\U{code:08x}")),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space: the rule of both Go's
/// `IsPrint` and Rust's debug escaping, which is asked here. A letter goes first because Rust also
/// escapes a combining mark that begins a string.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    let text: String = ['a', character].iter().collect();
    text.escape_debug().nth(1) == Some(character)
}

/// Reads the quoted string that `text` begins with; gives it and what follows. Back quotes enclose
/// a raw string. `None` when it does not begin with a whole one.
pub fn unquote(text: &str) -> Option<(Vec<u8>, &str)> {
    if let Some(raw) = text.strip_prefix('`') {
        let (body, rest) = raw.split_once('`')?;
        return Some((body.replace('\r', "").into_bytes(), rest));
    }
    let body = text.strip_prefix('"')?;
    let mut bytes = Vec::new();
    let mut rest = body;
    loop {
        let character = rest.chars().next()?;
        rest = &rest[character.len_utf8()..];
        match character {
            '"' => return Some((bytes, rest)),
            '\n' => return None,
            '\\' => rest = escape(rest, &mut bytes)?,
            other => push_char(&mut bytes, other),
        }
    }
}

/// Reads what follows a backslash.
fn escape<'a>(rest: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = rest.chars().next()?;
    let after = &rest[kind.len_utf8()..];
    let digits = |count: usize, radix: u32, from: &'a str| {
        let digits = from.get(..count)?;
        let plain = digits.chars().all(|digit| digit.is_digit(radix));
        let value = plain.then(|| u32::from_str_radix(digits, radix).ok())??;
        Some((value, &from[count..]))
    };
    let simple = match kind {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' => Some(b'\\'),
        '"' => Some(b'"'),
        _ => None,
    };
    if let Some(byte) = simple {
        bytes.push(byte);
        return Some(after);
    }
    let (value, after) = match kind {
        'x' => digits(2, 16, after)?,
        '0'..='7' => digits(3, 8, rest)?,
        'u' => digits(4, 16, after)?,
        'U' => digits(8, 16, after)?,
        _ => return None,
    };
    if matches!(kind, 'u' | 'U') {
        push_char(bytes, char::from_u32(value)?);
    } else {
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(after)
}

fn push_char(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_gos() {
        let cases: [(&[u8], &str); 10] = [
            (b"plain", r#""plain""#),
            (b"a \"b\"\\", r#""a \"b\"\\""#),
            (b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
            (b"\0\x1f\x7f", r#""\x00\x1f\x7f""#),
            (b"\xff\xc3", r#""\xff\xc3""#),
            ("größe".as_bytes(), "\"größe\""),
            ("\u{a0}\u{ad}\u{feff}".as_bytes(), r#""\u00a0\u00ad\ufeff""#),
            ("\u{e000}\u{10ffff}".as_bytes(), r#""\ue000\U0010ffff""#),
            ("e\u{301}'".as_bytes(), "\"e\u{301}'\""),
            ("語🙂".as_bytes(), "\"語🙂\""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(quote(bytes), expected);
            assert_eq!(unquote(expected), Some((bytes.to_vec(), "")), "{expected}");
        }
    }

    #[test]
    fn what_is_read_ends_at_its_quote() {
        assert_eq!(unquote(r#""a\"\x00\n\101" rest"#), Some((b"a\"\0\nA".to_vec(), " rest")));
        assert_eq!(unquote("`a\\n` rest"), Some((b"a\\n".to_vec(), " rest")));
        for broken in ["\"open", "bare", "\"\\q\"", "\"\\x4\"", "\"\\u+041\"", "\"a\nb\"", ""] {
            assert_eq!(unquote(broken), None, "{broken:?}");
        }
    }
}
