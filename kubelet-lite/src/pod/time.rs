//! Seconds since the epoch, written as Kubernetes writes times.
//!
//! Runtime times are nanoseconds; an API object never holds more than seconds, and status is
//! compared before it is written, so the cut to seconds is made once, here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An RFC 3339 instant with the API's precision of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

impl Time {
    pub fn from_nanos(nanos: i64) -> Self {
        Self(nanos.div_euclid(NANOS_PER_SECOND))
    }

    pub fn nanos(self) -> i64 {
        self.0.saturating_mul(NANOS_PER_SECOND)
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|stamp| Self(stamp.as_second()))
    }
}

impl From<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> for Time {
    fn from(time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time) -> Self {
        Self(time.0.as_second())
    }
}

impl fmt::Display for Time {
    /// An instant outside of jiff's years -9999..=9999 is written as the epoch.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("invalid time {text:?}")))
    }
}

/// Where decisions read the time, in nanoseconds since the epoch; tests give their own.
pub type Clock = std::sync::Arc<dyn Fn() -> i64 + Send + Sync>;

pub fn system_clock() -> Clock {
    std::sync::Arc::new(|| {
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        elapsed.map_or(0, |elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn reads_and_writes_what_the_api_writes() {
        let time = Time::parse("2026-02-03T04:05:06Z").expect("a valid time");
        assert_eq!(time.to_string(), "2026-02-03T04:05:06Z");
        assert_eq!(serde_json::to_string(&time).expect("a string"), r#""2026-02-03T04:05:06Z""#);
        assert_eq!(Time::from_nanos(-1), Time(-1));
        assert!(Time::parse("yesterday").is_none());
    }
}
