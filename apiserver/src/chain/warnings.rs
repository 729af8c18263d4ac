//! `Warning` headers.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Bytes of warnings in one response, as upstream: proxies refuse long headers.
const MAX_TOTAL_BYTES: usize = 4096;

/// Adds one `Warning: 299 - "…"` per distinct text.
pub fn add(headers: &mut HeaderMap, warnings: &[String]) {
    let mut total = 0;
    for (index, warning) in warnings.iter().enumerate() {
        if warnings[..index].contains(warning) {
            continue;
        }
        let value = format!("299 - {}", quoted(warning));
        total += value.len();
        if total > MAX_TOTAL_BYTES {
            return;
        }
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(HeaderName::from_static("warning"), value);
        }
    }
}

/// A quoted-string: backslash and quote escaped, control characters left out.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars().filter(|character| !character.is_control()) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_quoted_and_told_once() {
        let mut headers = HeaderMap::new();
        let warning = "unknown field \"spec.x\"".to_owned();
        add(&mut headers, &[warning.clone(), warning, "a\nb".to_owned()]);
        let told: Vec<_> = headers.get_all("warning").iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(told, ["299 - \"unknown field \\\"spec.x\\\"\"", "299 - \"ab\""]);
    }

    #[test]
    fn a_flood_of_warnings_is_cut() {
        let mut headers = HeaderMap::new();
        let many: Vec<String> =
            (0..100).map(|index| format!("{index}{}", "x".repeat(100))).collect();
        add(&mut headers, &many);
        assert!(headers.get_all("warning").iter().count() < 50);
    }
}
