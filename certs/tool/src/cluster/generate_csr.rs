//! `generate-csr`: keys and requests for everything, to be signed elsewhere.

use certs::cluster::{Settings, write_all_requests};

use super::names::{ADVERTISE_ADDRESS, NODE_NAME, SERVICE_CIDR, host_names, server_of};
use super::place::{CERT_DIR, DATA_DIR, KUBECONFIG_DIR, layout};
use super::{
    FORCE, KEY_ALGORITHM, SERVER, key_algorithm, refuse_arguments, refuse_foreign_flags, tell,
};
use crate::command::{Call, Command, Group};
use crate::flag::Order;

pub(super) const COMMAND: Command = Command {
    name: "generate-csr",
    group: Group::Cluster,
    summary: "Write keys and requests for all certificates of a cluster",
    usage: &["[--cert-dir DIR] [--kubeconfig-dir DIR] [--key-algorithm ALGORITHM] [--force]"],
    help: "For a cluster whose authority is elsewhere. Writes NAME.key and NAME.csr into the PKI\n\
           directory, and for each kubeconfig one with the key inside and its NAME.conf.csr beside it.\n\
           Have the requests signed; put each certificate beside its key as NAME.crt, or base64-encoded\n\
           as client-certificate-data into its kubeconfig; put the authorities' certificates there as\n\
           ca.crt, front-proxy-ca.crt and etcd/ca.crt. `coracle up` then starts on them, and says what\n\
           is still missing. Nothing is overwritten without --force. Prints the requests.\n\n\
           Example:\n  {name} generate-csr --cert-dir ./pki --kubeconfig-dir . --node-name node-1",
    flags: &[
        DATA_DIR,
        CERT_DIR,
        KUBECONFIG_DIR,
        KEY_ALGORITHM,
        NODE_NAME,
        ADVERTISE_ADDRESS,
        SERVICE_CIDR,
        SERVER,
        FORCE,
    ],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    refuse_arguments(call)?;
    let host = host_names(call)?;
    let server = call.flags.text(SERVER).map_or_else(|| server_of(&host), str::to_owned);
    let defaults = Settings::default();
    let settings = Settings {
        key_algorithm: key_algorithm(call)?.unwrap_or(defaults.key_algorithm),
        ..defaults
    };
    let force = call.flags.is_on(FORCE);
    for path in write_all_requests(&layout(call)?, &host, &server, &settings, force)? {
        tell(&path.display().to_string());
    }
    Ok(())
}
