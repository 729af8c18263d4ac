//! Signing configurations: what an authority puts its name to, and for whom.

mod profile;
mod signing;

pub(crate) use profile::{Profile, parse_time};
pub(crate) use signing::{SigningConfig, UnknownProfile};
