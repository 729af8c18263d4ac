//! Steps that somebody asks for.

use std::path::Path;

use time::{Duration, OffsetDateTime};

use super::lock::Lock;
use super::phase::{Phase, Step};
use super::record::Pace;
use super::rollover::Rollover;
use crate::cluster::{AuthorityKind, Layout, Settings, expirations};
use crate::error::Error;

/// Takes `step` now, and tells the phase after it. What follows comes at `pace`; `None` waits for the
/// life of a leaf, as those on disk have it.
pub fn advance(
    directory: &Path,
    kind: AuthorityKind,
    settings: &Settings,
    step: Step,
    pace: Option<Pace>,
    now: OffsetDateTime,
) -> Result<Phase, Error> {
    let _lock = Lock::take(directory)?;
    let leaf_lifetime = longest_life(directory, kind, now).unwrap_or(settings.leaf_lifetime);
    let settings = Settings { leaf_lifetime, ..settings.clone() };
    let read = || {
        let rollover = Rollover::read(directory, kind, &settings, now)?;
        let missing = || Error::Rollover {
            authority: kind.name(),
            reason: format!("there is none in {}", directory.display()),
        };
        rollover.ok_or_else(missing)
    };
    let rollover = read()?;
    rollover.take(step, pace.unwrap_or_else(|| rollover.own_pace(now)), now)?;
    Ok(read()?.phase())
}

fn longest_life(directory: &Path, kind: AuthorityKind, now: OffsetDateTime) -> Option<Duration> {
    let leaves = expirations(&Layout::beside(directory), now).leaves;
    let own = leaves.into_iter().filter(|leaf| leaf.authority == Some(kind));
    own.filter_map(|leaf| leaf.validity.map(|valid| valid.not_after - valid.not_before)).max()
}
