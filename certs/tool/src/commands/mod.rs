//! The commands. Each file holds one, with its help; this table holds them all.

mod json_files;
mod print_defaults;
mod version;

use crate::cluster;
use crate::command::Command;
use crate::{ocsp, revocation, serve};

/// CFSSL's, then those for a cluster.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    ALL.iter().chain(cluster::COMMANDS)
}

/// In the order in which the help tells them.
pub(crate) const ALL: &[Command] = &[
    json_files::COMMAND,
    print_defaults::COMMAND,
    version::COMMAND,
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

/// Why a command of CFSSL is not here.
pub(crate) fn unsupported(name: &str) -> Option<&'static str> {
    match name {
        "scan" => Some("scanning the TLS of other hosts is not part of this tool"),
        _ => None,
    }
}
