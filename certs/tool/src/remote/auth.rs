//! Authenticated requests: HMAC-SHA-256 of a request, under a key that client and server share.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A key of a signing config's `auth_keys`, of the type `standard`.
#[derive(Clone)]
pub struct AuthKey(Arc<hmac::Key>);

impl std::fmt::Debug for AuthKey {
    /// The key is never printed.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AuthKey")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AuthKeyError {
    #[error("the type {0:?} is not known: \"standard\" is")]
    Type(String),
    #[error("the environment has no variable {0} with a key (env:{0})")]
    Environment(String),
    #[error("cannot read {path} (file:{path}): {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("a key is hexadecimal digits, env:VARIABLE or file:PATH, and {0:?} is none of them")]
    Prefix(String),
    #[error("the key is not an even number of hexadecimal digits")]
    Hex,
    #[error("the key is empty")]
    Empty,
}

impl AuthKey {
    /// `key` is the key in hex, or says where it is: `env:VARIABLE` or `file:PATH`.
    pub fn new(kind: &str, key: &str) -> Result<Self, AuthKeyError> {
        if kind != "standard" {
            return Err(AuthKeyError::Type(kind.to_owned()));
        }
        let digits = match key.split_once(':') {
            None => key.to_owned(),
            Some(("env", name)) => {
                std::env::var(name).map_err(|_| AuthKeyError::Environment(name.to_owned()))?
            }
            Some(("file", path)) => std::fs::read_to_string(path)
                .map_err(|source| AuthKeyError::File { path: path.into(), source })?,
            Some((prefix, _)) => return Err(AuthKeyError::Prefix(format!("{prefix}:"))),
        };
        let bytes = from_hex(digits.trim()).ok_or(AuthKeyError::Hex)?;
        if bytes.is_empty() {
            return Err(AuthKeyError::Empty);
        }
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    pub fn token(&self, request: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, request).as_ref().to_vec()
    }

    /// Takes as long for a wrong token as for a right one.
    pub fn verifies(&self, request: &AuthenticatedRequest) -> bool {
        hmac::verify(&self.0, &request.request, &request.token).is_ok()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    text.as_bytes().chunks(2).map(pair).collect()
}

/// As it goes over the wire. Time and address are carried, as in CFSSL, but nothing rests on them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuthenticatedRequest {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timestamp: i64,
    #[serde(default, with = "base64_bytes", skip_serializing_if = "Vec::is_empty")]
    pub remote_address: Vec<u8>,
    #[serde(default, with = "base64_bytes")]
    pub token: Vec<u8>,
    #[serde(default, with = "base64_bytes")]
    pub request: Vec<u8>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

mod base64_bytes {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// `null` is nothing, as Go has it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_hmac_that_openssl_computes() {
        // printf '{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0123456789ABCDEF
        let key = AuthKey::new("standard", "0123456789ABCDEF").expect("a key");
        let request = br#"{"a":1}"#.to_vec();
        let token = key.token(&request);
        assert_eq!(token.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), TOKEN);
        let signed = |token: &[u8], request: &[u8]| AuthenticatedRequest {
            token: token.to_vec(),
            request: request.to_vec(),
            ..AuthenticatedRequest::default()
        };
        assert!(key.verifies(&signed(&token, &request)));
        assert!(!key.verifies(&signed(&token, br#"{"a":2}"#)));
        assert!(!key.verifies(&signed(&token[..31], &request)));
        assert!(!key.verifies(&signed(&[], &request)));
        let other = AuthKey::new("standard", "00").expect("a key");
        assert!(!other.verifies(&signed(&token, &request)));
    }

    const TOKEN: &str = "ac115e0934c954ab8a9f90c0f7e5f320c5089e423fad7e9e24583a493fda2f7e";

    #[test]
    fn where_a_key_may_be() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "0aFF\n").expect("written");
        let named = format!("file:{}", file.path().display());
        let expected = AuthKey::new("standard", "0aff").expect("a key").token(b"x");
        assert_eq!(AuthKey::new("standard", &named).expect("a key").token(b"x"), expected);
        for (kind, key, word) in [
            ("ip", "00", "ip"),
            ("standard", "", "empty"),
            ("standard", "0", "hexadecimal"),
            ("standard", "zz", "hexadecimal"),
            ("standard", "vault:x", "vault:"),
            ("standard", "env:CORACLE_NO_SUCH_KEY", "CORACLE_NO_SUCH_KEY"),
            ("standard", "file:/no/such", "/no/such"),
        ] {
            let refused = AuthKey::new(kind, key).expect_err(key).to_string();
            assert!(refused.contains(word), "{key}: {refused}");
        }
    }

    #[test]
    fn on_the_wire_it_is_base64() {
        let text = r#"{"token":"AQI=","request":"e30=","timestamp":7}"#;
        let request: AuthenticatedRequest = serde_json::from_str(text).expect("read");
        assert_eq!((&request.token[..], &request.request[..]), (&[1, 2][..], &b"{}"[..]));
        let again = serde_json::to_value(&request).expect("written");
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).expect("read"));
    }
}
