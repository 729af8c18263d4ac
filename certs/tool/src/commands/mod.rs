//! The commands. Each file holds one, with its help; this table holds them all.

pub(crate) mod bundle;
mod certinfo;
mod gencert;
mod gencsr;
mod genkey;
mod info;
mod json_files;
mod print_defaults;
mod selfsign;
mod sign;
mod signer;
mod spec;
mod version;

use crate::cluster;
use crate::command::Command;
use crate::{ocsp, revocation, scan, serve};

/// CFSSL's, then those for a cluster.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    ALL.iter().chain(cluster::COMMANDS)
}

/// In the order in which the help tells them.
pub(crate) const ALL: &[Command] = &[
    print_defaults::COMMAND,
    gencert::COMMAND,
    genkey::COMMAND,
    gencsr::COMMAND,
    json_files::COMMAND,
    sign::COMMAND,
    selfsign::COMMAND,
    bundle::COMMAND,
    certinfo::COMMAND,
    info::COMMAND,
    version::COMMAND,
    scan::COMMAND,
    revocation::revoke::COMMAND,
    revocation::crl::COMMAND,
    revocation::gencrl::COMMAND,
    ocsp::sign::COMMAND,
    ocsp::refresh::COMMAND,
    ocsp::dump::COMMAND,
    ocsp::serve::COMMAND,
    serve::COMMAND,
];

pub(crate) fn named(name: &str) -> Option<&'static Command> {
    all().find(|command| command.name == name)
}
