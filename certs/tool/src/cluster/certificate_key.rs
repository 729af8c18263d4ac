//! `certificate-key`: a random key, as `kubeadm init --certificate-key` takes it.

use super::{refuse_arguments, refuse_foreign_flags};
use crate::command::{Call, Command, Group};
use crate::flag::Order;
use crate::output::print_line;

pub(super) const COMMAND: Command = Command {
    name: "certificate-key",
    group: Group::Cluster,
    summary: "Print a random key for the encryption of certificates in a cluster",
    usage: &[""],
    help: "32 random bytes in hexadecimal, as kubeadm's --certificate-key and an encryption\n\
           configuration take them (the latter in base64).\n\n\
           Example:\n  {name} certificate-key",
    flags: &[],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    refuse_arguments(call)?;
    print_line(&certs::cluster::certificate_key()?)
}
