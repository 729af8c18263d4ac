//! Tokens by which a machine that has no certificate yet joins: `<id>.<secret>`.
//!
//! Each is a Secret `bootstrap-token-<id>` in kube-system. It is looked up in the cache: a
//! stranger's request must not cost a read of the store.

use api::Identity;
use api::resource::fields::{at, entry, text};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::registry::Registry;

const NAMESPACE: &str = "kube-system";
const TYPE: &str = "bootstrap.kubernetes.io/token";
const GROUP: &str = "system:bootstrappers";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
/// Of a group's name behind its prefix.
const GROUP_MAX: usize = 256;

/// A token of the right form.
#[derive(Clone, Copy)]
struct Token<'a> {
    id: &'a str,
    secret: &'a str,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let is = |part: &str, length| {
            part.len() == length
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        (is(id, ID_LENGTH) && is(secret, SECRET_LENGTH)).then_some(Self { id, secret })
    }
}

/// Whose token it is; `None` if it is nobody's, or no longer.
pub async fn authenticate(registry: &Registry, token: &str) -> Option<Identity> {
    let token = Token::parse(token)?;
    // A token that was acknowledged to whoever made it is good from then on.
    registry.catch_up().await.ok()?;
    let kind = registry.resource("", "secrets")?;
    let name = format!("bootstrap-token-{}", token.id);
    let held = kind.cache.get(&kind.suffix(NAMESPACE, &name))?;
    let secret: Value = serde_json::from_slice(&held.value).ok()?;
    let identity = identity_of(&secret, token, registry.sources.now());
    if identity.is_none() {
        tracing::debug!(secret = name, "a bootstrap token was refused");
    }
    identity
}

/// Decides whether `token` is the one that `secret` holds, for this purpose and still.
fn identity_of(secret: &Value, token: Token<'_>, now: Timestamp) -> Option<Identity> {
    if text(secret, "type") != TYPE || at(secret, "metadata.deletionTimestamp").is_some() {
        return None;
    }
    let data = |key: &str| {
        let bytes = STANDARD.decode(entry(secret, "data", key)?).ok()?;
        String::from_utf8(bytes).ok()
    };
    let expected = data("token-secret").unwrap_or_default();
    verify_slices_are_equal(expected.as_bytes(), token.secret.as_bytes()).ok()?;
    if data("token-id").as_deref() != Some(token.id)
        || data("usage-bootstrap-authentication").as_deref() != Some("true")
    {
        return None;
    }
    if let Some(expiration) = data("expiration") {
        // What cannot be read is taken as over.
        let end: Timestamp = expiration.parse().ok()?;
        if end <= now {
            return None;
        }
    }
    let mut groups = vec![GROUP.to_owned()];
    for extra in data("auth-extra-groups").unwrap_or_default().split(',') {
        if extra.is_empty() {
            continue;
        }
        if !is_bootstrap_group(extra) {
            return None;
        }
        groups.push(extra.to_owned());
    }
    groups.push("system:authenticated".to_owned());
    groups.dedup();
    Some(Identity { user: format!("system:bootstrap:{}", token.id), groups })
}

/// A token must not make its holder more than somebody who joins.
fn is_bootstrap_group(group: &str) -> bool {
    let rest = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':'));
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    rest.is_some_and(|rest| {
        let bytes = rest.as_bytes();
        bytes.len() <= GROUP_MAX
            && bytes.last().is_some_and(|last| is_alphanumeric(*last))
            && bytes.iter().all(|byte| is_alphanumeric(*byte) || matches!(byte, b':' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "abcdef.0123456789abcdef";

    fn secret(changes: &[(&str, Option<&str>)]) -> Value {
        let mut secret = json!({"type": TYPE, "data": {}});
        let fields = [
            ("token-id", Some("abcdef")),
            ("token-secret", Some("0123456789abcdef")),
            ("usage-bootstrap-authentication", Some("true")),
        ];
        for (key, value) in fields.iter().chain(changes) {
            secret["data"][key] = json!(value.map(|value| STANDARD.encode(value)));
        }
        secret
    }

    fn groups(secret: &Value, token: &str) -> Option<Vec<String>> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let identity = identity_of(secret, Token::parse(token)?, now)?;
        assert_eq!(identity.user, "system:bootstrap:abcdef");
        Some(identity.groups)
    }

    #[test]
    fn a_token_names_a_bootstrapper() {
        let plain = ["system:bootstrappers", "system:authenticated"];
        assert_eq!(groups(&secret(&[]), TOKEN).unwrap(), plain);
        let later = secret(&[("expiration", Some("2026-01-01T00:00:01Z"))]);
        assert_eq!(groups(&later, TOKEN).unwrap(), plain);
        let more = secret(&[(
            "auth-extra-groups",
            Some("system:bootstrappers:a-b,system:bootstrappers:c"),
        )]);
        assert_eq!(
            groups(&more, TOKEN).unwrap()[1..3],
            ["system:bootstrappers:a-b", "system:bootstrappers:c"]
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for token in
            ["abcdef", "abcdef.0123456789abcde", "ABCDEF.0123456789abcdef", "abcdef.x.y", ""]
        {
            assert!(Token::parse(token).is_none(), "{token}");
        }
        assert_eq!(groups(&secret(&[]), "abcdef.0123456789abcdee"), None);
        for (key, value) in [
            ("token-id", Some("abcdeg")),
            ("token-secret", None),
            ("usage-bootstrap-authentication", Some("false")),
            ("usage-bootstrap-authentication", None),
            ("expiration", Some("2026-01-01T00:00:00Z")),
            ("expiration", Some("tomorrow")),
            ("auth-extra-groups", Some("system:masters")),
            ("auth-extra-groups", Some("system:bootstrappers:")),
            ("auth-extra-groups", Some("system:bootstrappers:a-")),
        ] {
            assert_eq!(groups(&secret(&[(key, value)]), TOKEN), None, "{key} {value:?}");
        }
        let mut other = secret(&[]);
        other["type"] = json!("Opaque");
        assert_eq!(groups(&other, TOKEN), None);
        let mut dying = secret(&[]);
        dying["metadata"] = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(groups(&dying, TOKEN), None);
    }
}
