//! Steps that somebody asks for.

use std::path::Path;

use time::OffsetDateTime;

use super::lock::Lock;
use super::phase::{Phase, Step};
use super::record::Pace;
use super::rollover::Rollover;
use crate::cluster::{AuthorityKind, Settings};
use crate::error::Error;

/// Takes `step` now, and tells the phase after it. What follows comes at `pace`, or at the
/// authority's own.
pub fn advance(
    directory: &Path,
    kind: AuthorityKind,
    settings: &Settings,
    step: Step,
    pace: Option<Pace>,
    now: OffsetDateTime,
) -> Result<Phase, Error> {
    let _lock = Lock::take(directory)?;
    let read = || {
        let rollover = Rollover::read(directory, kind, settings, now)?;
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
