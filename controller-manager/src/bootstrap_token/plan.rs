//! When a token is over.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

/// The end that the token names; at once where it names one that cannot be read, never where none.
pub fn due(secret: &Secret) -> Option<Timestamp> {
    let expiration = secret.data.as_ref()?.get("expiration")?;
    let parsed = str::from_utf8(&expiration.0).ok().and_then(|text| text.parse().ok());
    Some(parsed.unwrap_or(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    #[test]
    fn tokens_say_when_they_end() {
        let due_of = |expiration: Option<&str>| {
            let entry = expiration
                .map(|text| ("expiration".to_owned(), ByteString(text.as_bytes().to_vec())));
            due(&Secret { data: Some(entry.into_iter().collect()), ..Secret::default() })
        };
        assert_eq!(due_of(None), None);
        let end = due_of(Some("2026-01-01T00:00:00Z")).map(Timestamp::as_second);
        assert_eq!(end, Some(1_767_225_600));
        assert_eq!(due_of(Some("tomorrow")), Some(Timestamp::UNIX_EPOCH));
    }
}
