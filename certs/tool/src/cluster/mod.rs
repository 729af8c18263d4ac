//! kubeadm's commands for the PKI of a cluster, by kubeadm's names and flags.
//!
//! What there is, what is wrong with it and what becomes of it is decided in `certs::cluster`; here
//! it is asked for and told.

mod certificate_key;
mod check_expiration;
mod generate_csr;
mod human;
mod init;
mod kubeconfig;
mod names;
mod place;
mod renew;
mod revoke;
mod rotate_ca;
mod table;

use std::io::Write;

use crate::command::{Call, Command};
use crate::failure::Usage;
use crate::flag::{Flag, catalog};

pub(crate) const COMMANDS: [&Command; 8] = [
    &init::COMMAND,
    &check_expiration::COMMAND,
    &renew::COMMAND,
    &rotate_ca::COMMAND,
    &revoke::COMMAND,
    &generate_csr::COMMAND,
    &certificate_key::COMMAND,
    &kubeconfig::COMMAND,
];

const KEY_ALGORITHM: Flag =
    Flag::text("key-algorithm", "RSA-2048, RSA-3072, RSA-4096, ECDSA-P256 or ECDSA-P384");
const SERVER: Flag = Flag::text("server", "URL of the Kubernetes API, for kubeconfigs");
const FORCE: Flag = Flag::switch("force", "overwrite files that are there already");

/// CFSSL's flags are read before any command; here one that would do nothing is a mistake.
fn refuse_foreign_flags(call: &Call<'_>) -> anyhow::Result<()> {
    let honoured = |name: &str| {
        name == catalog::LOGLEVEL.name || call.command.flags.iter().any(|flag| flag.name == name)
    };
    match call.flags.names().find(|name| !honoured(name)) {
        None => Ok(()),
        Some("config") => Err(Usage::error(
            "--config: kubeadm's configuration files are not read; say what it would say by flags",
        )),
        Some(name) => Err(Usage::error(format!("--{name} is no flag of {}", call.command.name))),
    }
}

fn refuse_arguments(call: &Call<'_>) -> anyhow::Result<()> {
    match call.arguments.first() {
        None => Ok(()),
        Some(argument) => {
            Err(Usage::error(format!("{} takes no argument {argument:?}", call.command.name)))
        }
    }
}

/// Tells what was done, or what there is. That nobody listens any more (`| head`) must not leave
/// the rest undone.
fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn key_algorithm(call: &Call<'_>) -> anyhow::Result<Option<certs::x509::KeyAlgorithm>> {
    let given = call.flags.text(KEY_ALGORITHM).map(certs::cluster::key_algorithm).transpose();
    given.map_err(|error| Usage::error(format!("--key-algorithm: {error}")))
}

/// A duration that must be one.
fn lifetime(call: &Call<'_>, flag: Flag) -> anyhow::Result<Option<time::Duration>> {
    match call.flags.duration(flag) {
        Some(lifetime) if lifetime < time::Duration::SECOND => {
            Err(Usage::error(format!("--{} must be a second or more", flag.name)))
        }
        lifetime => Ok(lifetime),
    }
}
