//! Signing configurations: what an authority puts its name to, and for whom.

mod profile;
mod signing;

pub(crate) use profile::{CsrWhitelist, Profile, RemoteSigner};
pub(crate) use signing::{SigningConfig, UnknownProfile};
