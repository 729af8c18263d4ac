//! A line in words, as etcdctl splits it: `"quoted"` with Go's escapes, `'raw'`, or what has no
//! space in it.

use crate::go::quote::unquote;

/// Splits a line. A word may hold any bytes.
pub fn words(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = match first {
            '"' => {
                let (word, after) =
                    unquote(rest).ok_or_else(|| format!("a quote is not closed in {line:?}"))?;
                words.push(word);
                after
            }
            '\'' => {
                let (word, after) = rest[1..]
                    .split_once('\'')
                    .ok_or_else(|| format!("a quote is not closed in {line:?}"))?;
                words.push(word.as_bytes().to_vec());
                after
            }
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                words.push(rest.as_bytes()[..end].to_vec());
                &rest[end..]
            }
        };
        rest = after.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split() {
        let cases: [(&str, &[&[u8]]); 5] = [
            ("put a b", &[b"put", b"a", b"b"]),
            ("  put \"a b\"\t'c \"d'", &[b"put", b"a b", b"c \"d"]),
            ("put \"\\x00\\xff\\n\" x\"y\"", &[b"put", b"\0\xff\n", b"x\"y\""]),
            ("put \"\" ''", &[b"put", b"", b""]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line).expect(line), expected, "{line}");
        }
        assert!(words("put \"a").is_err() && words("put 'a").is_err());
    }
}
