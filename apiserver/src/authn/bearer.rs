//! `Authorization: Bearer …`.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The token of a request. `None` where there is no such header, or one of another scheme. The
/// scheme's name is told apart from others in any case of letters.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearers_count() {
        for (value, wanted) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert_eq!(token(&headers), wanted, "{value:?}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
