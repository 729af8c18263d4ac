//! A token, and the Secret that holds it.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

pub const TYPE: &str = "bootstrap.kubernetes.io/token";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `<id>.<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    secret: String,
}

impl fmt::Debug for Token {
    /// The secret is never printed unasked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Token {
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('.')
            .and_then(|(id, secret)| Some((Self::id(id)?, part(secret, SECRET_LENGTH)?)));
        let (id, secret) = parts.ok_or_else(|| {
            "a token is 6 and 16 lower-case letters and digits with a dot between".to_owned()
        })?;
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    pub fn id(text: &str) -> Option<&str> {
        part(text, ID_LENGTH)
    }

    /// From the thread's generator, which is a cryptographic one.
    pub fn random() -> Self {
        let mut random = rand::rng();
        Self { id: letters(&mut random, ID_LENGTH), secret: letters(&mut random, SECRET_LENGTH) }
    }

    /// With both its parts: for the one who asked.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// The Secret; `expiration` is RFC 3339.
    pub fn to_secret(
        &self,
        expiration: Option<&str>,
        groups: &[String],
        description: Option<&str>,
    ) -> Value {
        let mut data = BTreeMap::from([
            ("token-id", self.id.as_str()),
            ("token-secret", &self.secret),
            ("usage-bootstrap-authentication", "true"),
        ]);
        let groups = groups.join(",");
        if !groups.is_empty() {
            data.insert("auth-extra-groups", &groups);
        }
        data.extend(expiration.map(|expiration| ("expiration", expiration)));
        data.extend(description.map(|description| ("description", description)));
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name(&self.id), "namespace": "kube-system"},
            "type": TYPE,
            "stringData": data,
        })
    }
}

/// The name of the Secret of that id.
pub fn name(id: &str) -> String {
    format!("bootstrap-token-{id}")
}

/// A field of a token's Secret; empty where it is not there.
pub fn field(secret: &Secret, key: &str) -> String {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    bytes.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default()
}

fn part(text: &str, length: usize) -> Option<&str> {
    let fits = text.len() == length && text.bytes().all(|byte| LETTERS.contains(&byte));
    fits.then_some(text)
}

fn letters(random: &mut impl Rng, count: usize) -> String {
    let letters = (0..count).filter_map(|_| LETTERS.choose(random));
    letters.map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_form() {
        let token = Token::random();
        assert_eq!(Token::parse(&token.reveal()), Ok(token.clone()));
        assert!(!format!("{token:?}").contains(&token.secret));
        for bad in ["", "abcdef", "abcdef.", "ABCDEF.0123456789abcdef", "abcdef.0123456789abcde"] {
            assert!(Token::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_holds_what_was_asked() {
        let token = Token::parse("abcdef.0123456789abcdef").expect("a token");
        let secret = token.to_secret(Some("2030-01-01T00:00:00Z"), &["a".into(), "b".into()], None);
        assert_eq!(secret["metadata"]["name"], "bootstrap-token-abcdef");
        assert_eq!(secret["stringData"]["auth-extra-groups"], "a,b");
        assert_eq!(secret["stringData"]["expiration"], "2030-01-01T00:00:00Z");
        assert_eq!(secret["stringData"].get("description"), None);
    }
}
