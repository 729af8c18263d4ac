//! Where in its rollover an authority is, and what comes next. Decided from facts and a time.

use time::OffsetDateTime;

use super::record::Pace;
use crate::cluster::Validity;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// One authority signs, and is the only one trusted.
    Settled,
    /// The next one is trusted too.
    Announced { since: OffsetDateTime, pace: Pace },
    /// The new one signs; the former is still trusted.
    Switched { since: OffsetDateTime, pace: Pace },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Announce,
    Switch,
    Retire,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::Announce, Self::Switch, Self::Retire];

    pub fn name(self) -> &'static str {
        match self {
            Self::Announce => "announce",
            Self::Switch => "switch",
            Self::Retire => "retire",
        }
    }
}

/// What becomes of an authority if nobody intervenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Now(Step),
    At(OffsetDateTime),
    /// It waits for a hand, or cannot be replaced from here.
    Never,
}

impl Next {
    /// When it has to be looked at again.
    pub fn time(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Now(_) => Some(now),
            Self::At(time) => Some(time),
            Self::Never => None,
        }
    }
}

/// `validity` is that of the certificate that signs; `renewable` whether another can be made here.
pub fn next(phase: Phase, validity: &Validity, renewable: bool, now: OffsetDateTime) -> Next {
    match phase {
        Phase::Settled if !renewable => Next::Never,
        Phase::Settled => at(validity.renewal(), Step::Announce, now),
        Phase::Announced { since, pace } => after(since, pace, Step::Switch, now),
        Phase::Switched { since, pace } => after(since, pace, Step::Retire, now),
    }
}

fn after(since: OffsetDateTime, pace: Pace, step: Step, now: OffsetDateTime) -> Next {
    match pace {
        Pace::ByHand => Next::Never,
        Pace::Every(pause) => at(since + pause, step, now),
    }
}

fn at(time: OffsetDateTime, step: Step, now: OffsetDateTime) -> Next {
    if now >= time { Next::Now(step) } else { Next::At(time) }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn an_authority_goes_round_at_its_pace() {
        let begin = OffsetDateTime::UNIX_EPOCH;
        let day = |days| begin + Duration::days(days);
        let validity = Validity { not_before: begin, not_after: day(3) };
        let pace = Pace::Every(Duration::days(1));
        let announced = Phase::Announced { since: day(2), pace };
        let switched = Phase::Switched { since: day(3), pace };
        let waiting = Phase::Announced { since: day(2), pace: Pace::ByHand };
        for (phase, renewable, now, expected) in [
            (Phase::Settled, true, day(1), Next::At(day(2))),
            (Phase::Settled, true, day(2), Next::Now(Step::Announce)),
            (Phase::Settled, false, day(2), Next::Never),
            (announced, true, day(2), Next::At(day(3))),
            (announced, true, day(3), Next::Now(Step::Switch)),
            (switched, true, day(3), Next::At(day(4))),
            (switched, true, day(9), Next::Now(Step::Retire)),
            (waiting, true, day(9), Next::Never),
        ] {
            assert_eq!(next(phase, &validity, renewable, now), expected, "{phase:?} at {now}");
        }
    }
}
