//! The file beside a rollover that says since when it is in its phase, and how fast it goes on.
//!
//! ```text
//! step announce
//! since 2026-11-29T22:40:00Z
//! pace 3600
//! ```
//!
//! Written before what it tells of. A phase without a record waits for a hand.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::phase::Step;

/// How a rollover goes on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By itself, this long after each step.
    Every(Duration),
    /// By commands alone: several hosts take each step together.
    ByHand,
}

/// The step that was taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub step: Step,
    pub since: OffsetDateTime,
    pub pace: Pace,
}

impl Record {
    pub(super) fn to_text(self) -> String {
        let since = self.since.format(&Rfc3339).expect("a time of this era has an RFC 3339 form");
        let pace = match self.pace {
            Pace::Every(pause) => pause.whole_seconds().to_string(),
            Pace::ByHand => "by hand".to_owned(),
        };
        format!("step {}\nsince {since}\npace {pace}\n", self.step.name())
    }

    /// `None` for what is no record.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let of = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ').map(str::trim))
        };
        let step = of("step")?;
        let pace = match of("pace")? {
            "by hand" => Pace::ByHand,
            seconds => Pace::Every(Duration::seconds(i64::from(seconds.parse::<u32>().ok()?))),
        };
        Some(Self {
            step: Step::ALL.into_iter().find(|known| known.name() == step)?,
            since: OffsetDateTime::parse(of("since")?, &Rfc3339).ok()?,
            pace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (step, pace) in [
            (Step::Announce, Pace::ByHand),
            (Step::Switch, Pace::Every(Duration::seconds(3))),
            (Step::Retire, Pace::Every(Duration::days(365))),
        ] {
            let since = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
            let record = Record { step, since, pace };
            assert_eq!(Record::parse(&record.to_text()), Some(record));
        }
        for text in ["", "step announce", "step x\nsince 2026-11-29T22:40:00Z\npace 1\n"] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
    }
}
