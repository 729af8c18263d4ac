//! One look after a whole PKI directory.

use std::path::Path;

use time::{Duration, OffsetDateTime};

use super::endings::{Ending, endings};
use super::lock::Lock;
use super::phase::{Next, Phase, Step};
use super::rollover::Rollover;
use crate::cluster::{AuthorityKind, ClusterPki, HostNames, Settings};
use crate::error::Error;

/// No PKI is left alone for longer: somebody may have changed it by hand.
const LONGEST_REST: Duration = Duration::days(1);

/// What a round found and did.
pub struct Round {
    /// As it is now.
    pub pki: ClusterPki,
    /// What was done to authorities.
    pub steps: Vec<(AuthorityKind, Step)>,
    pub endings: Vec<Ending>,
    /// When the next round is worth its while.
    pub next: OffsetDateTime,
}

/// Takes the steps of rollovers whose time has come, then makes the directory whole: what is
/// missing, due or signed by a former authority is issued. A round after a round changes nothing.
pub fn round(
    directory: &Path,
    host: &HostNames,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<Round, Error> {
    let _lock = Lock::take(directory)?;
    let mut steps = Vec::new();
    for kind in AuthorityKind::ALL {
        let rollover = Rollover::read(directory, kind, settings, now)?;
        let Some(rollover) = rollover else { continue };
        rollover.tidy()?;
        if let Next::Now(step) = rollover.next(now) {
            // A step goes on at the pace that the first was given.
            let pace = match rollover.phase() {
                Phase::Settled => rollover.own_pace(now),
                Phase::Announced { pace, .. } | Phase::Switched { pace, .. } => pace,
            };
            rollover.take(step, pace, now)?;
            steps.push((kind, step));
        }
    }
    let pki = ClusterPki::ensure_at(directory, host, settings, now)?;
    let endings = endings(directory, settings, now)?;
    let mut next = now + LONGEST_REST;
    for kind in AuthorityKind::ALL {
        let rollover = Rollover::read(directory, kind, settings, now)?;
        let time = rollover.and_then(|rollover| rollover.next(now).time(now));
        next = time.map_or(next, |time| next.min(time));
    }
    for ending in endings.iter().filter(|ending| ending.renewable) {
        let renewal = ending.validity.renewal();
        // What is due and was not renewed gains nothing before its authority rolls over.
        if renewal > now {
            next = next.min(renewal);
        }
    }
    Ok(Round { pki, steps, endings, next })
}
