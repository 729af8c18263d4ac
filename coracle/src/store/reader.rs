//! Typed access to what was given. Every refusal names the value, its source and what is expected.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use store::care::go_duration;

use super::flags::{self, Support};
use super::sources::{Given, Origin, Raw, boolean};
use super::urls::{Url, UrlError, parse_list};

/// Why settings are refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    #[error("invalid value {text:?} for {source_name}: {reason}")]
    Invalid { text: String, source_name: String, reason: String },
    #[error("{source_name} is not supported: {why}")]
    Refused { source_name: String, why: String },
    /// Settings that are fine each for itself.
    #[error("{0}")]
    Conflict(String),
    #[error("--{0} and --{1} belong together: --{2} is missing")]
    HalfPair(&'static str, &'static str, &'static str),
}

/// Reads [`Raw`] by flags' names. What is not given has the caller's default.
pub struct Reader<'a>(pub &'a Raw);

impl<'a> Reader<'a> {
    pub fn given(&self, name: &str) -> Option<&'a Given> {
        debug_assert!(flags::find(name).is_some_and(|flag| flag.name == name), "{name}");
        self.0.given.get(name)
    }

    /// An empty text counts as not given, as in etcd, whose flags default to it.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.given(name).map(|given| given.text.as_str()).filter(|text| !text.is_empty())
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// Separated by commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self.text(name).into_iter().flat_map(|text| text.split(','));
        items.map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    pub fn switch(&self, name: &str, default: bool) -> Result<bool, SettingsError> {
        self.parse(name, default, "true or false is expected", boolean)
    }

    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, SettingsError> {
        self.parse(name, default, "a number in range is expected", |text| text.parse().ok())
    }

    /// A Go duration, or an integer of nanoseconds in a file.
    pub fn duration(&self, name: &str, default: Duration) -> Result<Duration, SettingsError> {
        let from_file =
            self.given(name).is_some_and(|given| matches!(given.origin, Origin::File { .. }));
        self.parse(name, default, "a duration such as 5m, 90s or 100ms is expected", |text| {
            match text.parse::<u64>() {
                Ok(nanoseconds) if from_file => Some(Duration::from_nanos(nanoseconds)),
                Ok(_) | Err(_) => go_duration(text),
            }
        })
    }

    pub fn urls(&self, name: &str) -> Result<Option<Vec<Url>>, SettingsError> {
        let Some(given) = self.given(name).filter(|given| !given.text.is_empty()) else {
            return Ok(None);
        };
        parse_list(&given.text).map(Some).map_err(|error| invalid(given, error.to_string()))
    }

    /// URLs that a listener binds to.
    pub fn listen_urls(&self, name: &str) -> Result<Option<Vec<Url>>, SettingsError> {
        self.checked_urls(name, |url| url.bind().map(drop))
    }

    /// URLs that others are told.
    pub fn advertised_urls(&self, name: &str) -> Result<Option<Vec<Url>>, SettingsError> {
        self.checked_urls(name, Url::check_host)
    }

    fn checked_urls(
        &self,
        name: &str,
        check: impl Fn(&Url) -> Result<(), UrlError>,
    ) -> Result<Option<Vec<Url>>, SettingsError> {
        let urls = self.urls(name)?;
        for url in urls.iter().flatten() {
            if let (Err(error), Some(given)) = (check(url), self.given(name)) {
                return Err(invalid(given, error.to_string()));
            }
        }
        Ok(urls)
    }

    fn parse<T>(
        &self,
        name: &str,
        default: T,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        match self.given(name).filter(|given| !given.text.is_empty()) {
            None => Ok(default),
            Some(given) => parse(&given.text).ok_or_else(|| invalid(given, expected.to_owned())),
        }
    }

    /// Refuses what this build does not have, and tells what has no effect in it.
    pub fn unsupported(&self) -> Result<Vec<String>, SettingsError> {
        let mut notes = Vec::new();
        for (name, given) in &self.0.given {
            let Some(flag) = flags::find(name) else { continue };
            if means_default(flag.default, &given.text) {
                continue;
            }
            match flag.support {
                Support::Works | Support::Retired => {}
                Support::Idle(why) => notes.push(format!("{given} has no effect: {why}")),
                Support::Refused(why) => {
                    let source_name = format!("{given}={}", given.text);
                    return Err(SettingsError::Refused { source_name, why: why.to_owned() });
                }
            }
        }
        Ok(notes)
    }
}

/// Whether a value says what holds anyway.
fn means_default(default: &str, text: &str) -> bool {
    text.is_empty()
        || text == default
        || (boolean(text).is_some() && boolean(text) == boolean(default))
}

pub fn invalid(given: &Given, reason: String) -> SettingsError {
    SettingsError::Invalid { text: given.text.clone(), source_name: given.to_string(), reason }
}
