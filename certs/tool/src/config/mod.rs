//! Signing configurations: what an authority puts its name to, and for whom.

mod profile;
mod signing;

pub(crate) use profile::Profile;
pub(crate) use signing::{SigningConfig, UnknownProfile};
