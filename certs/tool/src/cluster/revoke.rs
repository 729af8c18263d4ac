//! `revoke-certificate`: someone's certificate is refused before it ends.

use std::path::Path;

use anyhow::{Context, bail};
use certs::Embedded;
use certs::cluster::AuthorityKind;
use certs::rotation::{REVOCATION_LISTS, revoke, revoke_serial};
use certs::x509::{Certificate, Reason, Serial};
use time::OffsetDateTime;

use super::place::{CERT_DIR, DATA_DIR, existing};
use super::refuse_foreign_flags;
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order};
use crate::output::print_line;

const SERIAL: Flag = Flag::text("serial", "serial number in decimal, in place of a file");
const AUTHORITY: Flag =
    Flag::text("authority", "with --serial, who signed it: ca, etcd-ca or front-proxy-ca");
const REASON: Flag =
    Flag::text("reason", "why, by name or number of RFC 5280").with_default("unspecified");

pub(super) const COMMAND: Command = Command {
    name: "revoke-certificate",
    group: Group::Cluster,
    summary: "Have a cluster refuse a certificate that it signed",
    usage: &[
        "FILE [--data-dir DIR | --cert-dir DIR] [--reason REASON]",
        "--serial N --authority NAME [--data-dir DIR | --cert-dir DIR]",
    ],
    help: "FILE is a certificate, or a kubeconfig with one inside. The authority's key signs a list in\n\
           crl.pem, in the PKI directory. A running cluster reads it within two seconds: the API, the\n\
           kubelet and the store refuse new connections and end those that exist, watches too. What was\n\
           revoked stays so; a certificate of the cluster's own is issued anew with `renew`.\n\n\
           Examples:\n  {name} revoke-certificate leaked.kubeconfig --reason keyCompromise\n  {name} revoke-certificate --serial 1234 --authority etcd-ca",
    flags: &[DATA_DIR, CERT_DIR, SERIAL, AUTHORITY, REASON],
    order: Order::Anywhere,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    refuse_foreign_flags(call)?;
    let reason = call.flags.text(REASON).unwrap_or_default();
    let reason =
        Reason::parse(reason).map_err(|error| Usage::error(format!("--reason: {error}")))?;
    let target = target(call)?;
    let layout = existing(call)?;
    let (pki, now) = (&layout.pki, OffsetDateTime::now_utc());
    let told = match target {
        Target::File(path) => {
            let certificate = read(Path::new(&path))?;
            revoke(pki, &certificate, reason, now)?;
            format!("{} with serial number {}", certificate.subject(), certificate.serial())
        }
        Target::Serial(kind, serial) => {
            revoke_serial(pki, kind, &serial, reason, now)?;
            format!("serial number {serial} of {}", kind.name())
        }
    };
    print_line(&format!("revoked {told} in {}", pki.join(REVOCATION_LISTS).display()))
}

enum Target {
    File(String),
    Serial(AuthorityKind, Serial),
}

fn target(call: &Call<'_>) -> anyhow::Result<Target> {
    let authority = call.flags.text(AUTHORITY);
    match (call.arguments.as_slice(), call.flags.text(SERIAL)) {
        ([file], None) if authority.is_none() => Ok(Target::File(file.clone())),
        ([_], None) => Err(Usage::error("--authority goes with --serial: a file says who signed")),
        ([], Some(serial)) => {
            let serial =
                serial.parse().map_err(|error| Usage::error(format!("--serial: {error}")))?;
            let kind = AuthorityKind::ALL.into_iter().find(|kind| Some(kind.name()) == authority);
            kind.map(|kind| Target::Serial(kind, serial)).ok_or_else(|| {
                Usage::error("--serial needs --authority: ca, etcd-ca or front-proxy-ca")
            })
        }
        _ => Err(Usage::error("say what to revoke: one file, or --serial with --authority")),
    }
}

fn read(path: &Path) -> anyhow::Result<Certificate> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Certificate::from_pem(&text)
            .with_context(|| format!("{} holds no certificate", path.display()));
    }
    match Embedded::parse(&text) {
        Ok(kubeconfig) => Certificate::from_pem(&kubeconfig.pair.certificate)
            .with_context(|| format!("{} holds a broken certificate", path.display())),
        Err(reason) => {
            bail!("{} is neither a certificate nor a kubeconfig with one: {reason}", path.display())
        }
    }
}
