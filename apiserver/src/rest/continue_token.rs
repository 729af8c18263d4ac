//! Continue tokens, in upstream's form: base64url of `{"v":"meta.k8s.io/v1","rv":N,"start":"…"}`.

use api::Status;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

const VERSION: &str = "meta.k8s.io/v1";

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueToken {
    /// The revision of the first page; negative for "whatever is current", which a token that
    /// answers an expired one has.
    pub revision: i64,
    /// First key to show, relative to what is listed.
    pub start: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: String,
    rv: i64,
    start: String,
}

impl ContinueToken {
    pub fn encode(&self) -> String {
        let wire = Wire { v: VERSION.into(), rv: self.revision, start: self.start.clone() };
        let json = serde_json::to_vec(&wire).expect("two strings and a number are always JSON");
        URL_SAFE_NO_PAD.encode(json)
    }

    pub fn decode(text: &str) -> Result<Self, Status> {
        let refuse =
            |cause: &str| Status::bad_request(format!("continue key is not valid: {cause}"));
        let json = URL_SAFE_NO_PAD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .map_err(|error| refuse(&error.to_string()))?;
        let wire: Wire =
            serde_json::from_slice(&json).map_err(|error| refuse(&error.to_string()))?;
        if wire.v != VERSION {
            return Err(refuse(&format!(
                "server does not recognize this encoded version {:?}",
                wire.v
            )));
        }
        if wire.rv == 0 {
            return Err(refuse("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
        }
        // A token must not reach outside of what its URL lists.
        if wire.start.is_empty() || wire.start.split('/').any(|segment| segment == "..") {
            return Err(refuse("encoded start key empty or out of the list"));
        }
        Ok(Self { revision: wire.rv, start: wire.start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip() {
        let token = ContinueToken { revision: 42, start: "default/web\0".into() };
        assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let wire = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for text in [
            "%%%".to_owned(),
            wire("{}"),
            wire(r#"{"v":"v9","rv":1,"start":"a"}"#),
            wire(r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#),
            wire(r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets"}"#),
        ] {
            assert_eq!(ContinueToken::decode(&text).unwrap_err().code, 400, "{text}");
        }
    }
}
