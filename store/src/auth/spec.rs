//! `--auth-token`: how tokens are made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::jwt::Jwt;
use super::keys::{KeyError, Method};

/// How long a token lives by default: a simple one after its last use, a JWT after it was made.
pub const DEFAULT_TOKEN_TTL: Duration = Duration::from_secs(300);

const SIGN_METHOD: &str = "sign-method";
const PUBLIC_KEY: &str = "pub-key";
const PRIVATE_KEY: &str = "priv-key";
const TTL: &str = "ttl";

/// How tokens are made and verified.
#[derive(Clone, Debug, Default)]
pub enum TokenSpec {
    /// Random words that the members remember.
    #[default]
    Simple,
    /// Signed claims. Every member of a cluster needs the same keys.
    Jwt(Arc<Jwt>),
    /// No tokens: users prove themselves by certificates alone.
    None,
}

/// A text that names no way to make tokens.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("auth: invalid auth options: {0:?} is no kind of token; simple and jwt are")]
    UnknownKind(String),
    #[error("auth: invalid auth options: {0:?} is not of the form key=value")]
    NoPair(String),
    #[error("auth: invalid auth options: {0} is given twice")]
    Twice(String),
    #[error("auth: invalid auth options: {kind} tokens have no option {option}")]
    UnknownOption { kind: &'static str, option: String },
    #[error("auth: invalid auth options: ttl {0:?} is not a duration such as 5m")]
    Ttl(String),
    #[error("auth: invalid auth options: sign-method {0:?} is none that signs tokens")]
    Method(String),
    #[error("auth: invalid auth options: cannot read {path}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Keys(#[from] KeyError),
}

impl TokenSpec {
    /// Reads the value of `--auth-token`, and the key files that it names.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        let mut options = BTreeMap::new();
        for part in parts {
            let pair = part.split_once('=').filter(|(_, value)| !value.contains('='));
            let (key, value) = pair.ok_or_else(|| SpecError::NoPair(part.to_owned()))?;
            if options.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(SpecError::Twice(key.to_owned()));
            }
        }
        let (kind, spec) = match kind {
            "simple" => ("simple", Self::Simple),
            "jwt" => ("jwt", Self::Jwt(Arc::new(jwt(&mut options)?))),
            "" => ("no", Self::None),
            other => return Err(SpecError::UnknownKind(other.to_owned())),
        };
        match options.into_keys().next() {
            Some(option) => Err(SpecError::UnknownOption { kind, option }),
            None => Ok(spec),
        }
    }
}

/// Takes what a JWT needs from `options`.
fn jwt(options: &mut BTreeMap<String, String>) -> Result<Jwt, SpecError> {
    let mut take = |key: &str| options.remove(key).filter(|value| !value.is_empty());
    let ttl = match take(TTL) {
        None => DEFAULT_TOKEN_TTL,
        Some(text) => duration::parse(&text).ok_or(SpecError::Ttl(text))?,
    };
    let method = take(SIGN_METHOD).unwrap_or_default();
    let method = Method::named(&method).ok_or(SpecError::Method(method))?;
    let public = take(PUBLIC_KEY).map(read).transpose()?;
    let private = take(PRIVATE_KEY).map(read).transpose()?;
    let keys = method.keys(private.as_deref(), public.as_deref())?;
    Ok(Jwt::new(method, keys, ttl))
}

fn read(path: String) -> Result<Vec<u8>, SpecError> {
    std::fs::read(&path)
        .map_err(|source| SpecError::File { path: Path::new(&path).to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_tokens_is_refused_by_name() {
        let cases = [
            ("complex", "\"complex\" is no kind of token"),
            ("simple,ttl", "\"ttl\" is not of the form"),
            ("simple,ttl=5=m", "\"ttl=5=m\" is not of the form"),
            ("simple,ttl=5m", "simple tokens have no option ttl"),
            ("jwt", "sign-method \"\" is none"),
            ("jwt,sign-method=none", "sign-method \"none\" is none"),
            ("jwt,sign-method=RS256,sign-method=RS256", "sign-method is given twice"),
            ("jwt,sign-method=RS256,ttl=5", "ttl \"5\" is not a duration"),
            ("jwt,sign-method=RS256", "missing key data"),
            ("jwt,sign-method=HS256", "missing key data"),
            ("jwt,sign-method=HS256,priv-key=/nowhere/key", "cannot read /nowhere/key"),
        ];
        for (text, reason) in cases {
            let refused = TokenSpec::parse(text).expect_err(text).to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn simple_tokens_and_none_need_no_more_words() {
        assert!(matches!(TokenSpec::parse("simple"), Ok(TokenSpec::Simple)));
        assert!(matches!(TokenSpec::parse(""), Ok(TokenSpec::None)));
    }
}
