//! Tokens that carry their own proof: JWTs with the claims that etcd makes and reads.
//!
//! A JWT speaks of the revision of users and roles at which it was made. After any change of these
//! it is too old for requests on keys, and its holder proves itself again; so a JWT needs no list of
//! those taken back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::keys::{Keys, Method};
use super::refusal::Refusal;
use super::rights::Subject;

/// Makes and reads JWTs of one method.
#[derive(Debug)]
pub struct Jwt {
    method: Method,
    keys: Keys,
    ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: std::borrow::Cow<'a, str>,
    #[serde(skip_deserializing)]
    typ: &'static str,
}

/// Times are seconds since 1970. Others may sign tokens too, so a time need not be whole.
#[derive(Serialize)]
struct Made<'a> {
    exp: u64,
    revision: u64,
    username: &'a str,
}

#[derive(Deserialize)]
struct Claimed {
    exp: Option<f64>,
    nbf: Option<f64>,
    revision: f64,
    username: String,
}

impl Jwt {
    pub(super) fn new(method: Method, keys: Keys, ttl: Duration) -> Self {
        Self { method, keys, ttl }
    }

    /// A token that says who `subject` is until the TTL after `now` has passed.
    pub(crate) fn sign(&self, subject: &Subject, now: SystemTime) -> Result<String, Refusal> {
        let exp = since_epoch(now).saturating_add(self.ttl).as_secs();
        let claims = Made { exp, revision: subject.revision, username: &subject.user };
        let header = Header { alg: self.method.name().into(), typ: "JWT" };
        let part = |json: serde_json::Result<Vec<u8>>| {
            URL_SAFE_NO_PAD.encode(json.expect("a token's parts are plain data"))
        };
        let header = part(serde_json::to_vec(&header));
        let mut token = format!("{header}.{}", part(serde_json::to_vec(&claims)));
        let signature = self.keys.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Who `token` says somebody is; `None` if it is not to be believed. The method is this one's
    /// own: a token does not choose how it is verified.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Option<Subject> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if header.alg != self.method.name() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        if !self.keys.verify(message.as_bytes(), &signature) {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Claimed = serde_json::from_slice(&claims).ok()?;
        let now = since_epoch(now).as_secs_f64();
        let timely =
            claims.exp.is_none_or(|exp| now < exp) && claims.nbf.is_none_or(|nbf| now >= nbf);
        timely.then_some(Subject { user: claims.username.into(), revision: claims.revision as u64 })
    }
}

fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}
