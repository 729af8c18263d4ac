//! When leases can have been there, and what was said of them.

mod judge;
mod lives;

pub(super) use judge::judge;
pub(super) use lives::Lives;
