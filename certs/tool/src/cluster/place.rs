//! Where the PKI is that a command is about.

use std::path::PathBuf;

use anyhow::{Context, bail};
use certs::cluster::Layout;

use crate::command::Call;
use crate::failure::Usage;
use crate::flag::Flag;

pub(super) const DATA_DIR: Flag = Flag::text(
    "data-dir",
    "data directory of `coracle up` [default: $CORACLE_DATA_DIR, or this host's]",
);
pub(super) const CERT_DIR: Flag =
    Flag::text("cert-dir", "the PKI directory itself, for example /etc/kubernetes/pki");
pub(super) const KUBECONFIG_DIR: Flag =
    Flag::text("kubeconfig-dir", "where kubeconfigs are [default: beside the PKI directory]");

/// The directories that the flags name, there or not.
pub(super) fn layout(call: &Call<'_>) -> anyhow::Result<Layout> {
    let path = |flag| call.flags.text(flag).map(PathBuf::from);
    let pki = match (path(CERT_DIR), path(DATA_DIR)) {
        (Some(_), Some(_)) => {
            return Err(Usage::error("--cert-dir and --data-dir name the same thing: say one"));
        }
        (Some(pki), None) => pki,
        (None, data_dir) => default_data_dir(call, data_dir)?.join("pki"),
    };
    let layout = Layout::beside(&pki);
    Ok(match path(KUBECONFIG_DIR) {
        Some(kubeconfigs) => Layout { kubeconfigs, ..layout },
        None => layout,
    })
}

/// The same, of a PKI that must exist.
pub(super) fn existing(call: &Call<'_>) -> anyhow::Result<Layout> {
    let layout = layout(call)?;
    if !layout.pki.is_dir() {
        bail!(
            "there is no PKI at {}: name its directory with --cert-dir, or the cluster's with \
             --data-dir",
            layout.pki.display()
        );
    }
    Ok(layout)
}

fn default_data_dir(call: &Call<'_>, given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let environment = || std::env::var_os("CORACLE_DATA_DIR").map(PathBuf::from);
    given
        .or_else(environment)
        .or_else(|| call.host.default_data_dir.clone())
        .context("this host has no default data directory: name one with --data-dir")
}
