//! `init`: the whole PKI of a cluster, without starting it.

use std::path::Path;

use anyhow::Context;
use certs::cluster::{LEAVES, Place, Settings};
use certs::rotation::round;
use time::OffsetDateTime;

use super::names::{ADVERTISE_ADDRESS, NODE_NAME, SERVICE_CIDR, host_names, server_of};
use super::place::{CERT_DIR, DATA_DIR, KUBECONFIG_DIR, layout};
use super::{
    KEY_ALGORITHM, SERVER, key_algorithm, lifetime, refuse_arguments, refuse_foreign_flags, tell,
};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Kind, Order};

const VALIDITY_PERIOD: Flag = Flag::text("validity-period", "how long certificates are valid")
    .of_kind(Kind::Duration)
    .with_default("8760h");
const CA_VALIDITY_PERIOD: Flag =
    Flag::text("ca-validity-period", "how long new authorities are valid")
        .of_kind(Kind::Duration)
        .with_default("87600h");

pub(super) const COMMAND: Command = Command {
    name: "init",
    group: Group::Cluster,
    summary: "Make the whole PKI of a cluster without starting it",
    usage: &[
        "[--data-dir DIR | --cert-dir DIR] [--kubeconfig-dir DIR] [--key-algorithm ALGORITHM]",
    ],
    help: "As `kubeadm init phase certs all`: authorities, certificates and the service-account key,\n\
           with kubeadm's names, subjects and usages. What is there and serves stays as it is, so an\n\
           authority of your own that lies there as ca.crt and ca.key is the one that signs; so may\n\
           front-proxy-ca and etcd/ca. With --kubeconfig-dir the kubeconfigs are written too, as by\n\
           `kubeadm init phase kubeconfig all`. `coracle up` makes all this by itself.\n\n\
           Example:\n  {name} init --cert-dir ./pki --key-algorithm RSA-2048 --node-name node-1",
    flags: &[
        DATA_DIR,
        CERT_DIR,
        KUBECONFIG_DIR,
        KEY_ALGORITHM,
        VALIDITY_PERIOD,
        CA_VALIDITY_PERIOD,
        NODE_NAME,
        ADVERTISE_ADDRESS,
        SERVICE_CIDR,
        SERVER,
    ],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    refuse_arguments(call)?;
    let kubeconfigs = call.flags.text(KUBECONFIG_DIR).map(Path::new);
    if kubeconfigs.is_none() && call.flags.is_given(SERVER) {
        return Err(Usage::error("--server is for kubeconfigs: say --kubeconfig-dir too"));
    }
    let (layout, host, defaults) = (layout(call)?, host_names(call)?, Settings::default());
    let settings = Settings {
        key_algorithm: key_algorithm(call)?.unwrap_or(defaults.key_algorithm),
        leaf_lifetime: lifetime(call, VALIDITY_PERIOD)?.unwrap_or(defaults.leaf_lifetime),
        authority_lifetime: lifetime(call, CA_VALIDITY_PERIOD)?
            .unwrap_or(defaults.authority_lifetime),
        ..defaults
    };
    // As a start does it: a running cluster is not in the way.
    let round = round(&layout.pki, &host, &settings, OffsetDateTime::now_utc());
    let pki = round.context("the PKI is not complete")?.pki;
    tell(&format!("the PKI is complete: {}", layout.pki.display()));
    let Some(directory) = kubeconfigs else { return Ok(()) };
    let server = call.flags.text(SERVER).map_or_else(|| server_of(&host), str::to_owned);
    for spec in &LEAVES {
        if let Place::Kubeconfig(name) = spec.place {
            let path = directory.join(name);
            pki.ensure_kubeconfig(spec, &path, &server)?;
            tell(&path.display().to_string());
        }
    }
    Ok(())
}
