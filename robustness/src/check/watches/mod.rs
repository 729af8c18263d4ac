//! The judge of watches.

mod coverage;
mod judge;

pub(super) use coverage::Coverage;
pub(super) use judge::judge;
