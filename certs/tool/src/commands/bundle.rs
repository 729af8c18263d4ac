//! `bundle`.

use std::fs;

use anyhow::Context;
use certs::x509::Certificate;
use time::OffsetDateTime;

use crate::bundle::{Endpoint, Flavor, Pools, bundle, presented_by};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::output::print_line;
use crate::{input, log};

/// Where systems keep the roots that they trust.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Flags of CFSSL's that change its result, and what there is instead.
const REFUSED: [(Flag, &str); 2] = [
    (catalog::METADATA, "which platforms trust a root is not known here: leave it out"),
    (
        catalog::PASSWORD,
        "PKCS #12 is not read: take its PEM out with `openssl pkcs12 -in FILE -nodes`",
    ),
];

pub(crate) const COMMAND: Command = Command {
    name: "bundle",
    group: Group::Sign,
    summary: "Put a certificate together with its chain",
    usage: &[
        "-cert FILE [-key KEY] [-ca-bundle FILE] [-int-bundle FILE] [-int-dir DIR] [-flavor FLAVOR]",
        "-domain HOST[:PORT] [-ip ADDRESS] [-ca-bundle FILE] [-int-bundle FILE] [-int-dir DIR]",
    ],
    help: "Finds the chain from the certificate to a root in -ca-bundle (the system's roots without\n\
           it) over the intermediates of -int-bundle, -int-dir and those that come with the\n\
           certificate. Flavors: ubiquitous, optimal (the shortest chain), and force, which takes the\n\
           certificates as they come. Prints JSON. Unlike CFSSL's it fetches no issuers from the URLs\n\
           in certificates and knows no platforms' root stores.\n\n\
           Example:\n  {name} bundle -cert server.pem -ca-bundle ca.pem -int-bundle intermediate.pem",
    flags: &[
        catalog::CERT,
        catalog::KEY,
        catalog::CA_BUNDLE,
        catalog::INT_BUNDLE,
        catalog::INT_DIR,
        catalog::FLAVOR,
        catalog::DOMAIN,
        catalog::IP,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let flags = &call.flags;
    for (flag, reason) in REFUSED {
        if flags.is_given(flag) {
            return Err(Usage::error(format!("-{}: {reason}", flag.name)));
        }
    }
    let text = flags.text(catalog::FLAVOR).unwrap_or("ubiquitous");
    let unknown = || Usage::error(format!("-flavor {text}: ubiquitous, optimal or force is known"));
    let flavor = Flavor::named(text).ok_or_else(unknown)?;
    let given = match (flags.text(catalog::CERT), flags.text(catalog::DOMAIN)) {
        (Some(file), _) => input::read_certificates(file)?,
        (None, Some(domain)) => presented_by(&Endpoint::parse(domain, flags.text(catalog::IP)))?,
        (None, None) => return Err(Usage::error("say what to bundle: -cert or -domain")),
    };
    let key = flags.text(catalog::KEY).map(input::read_key).transpose()?;
    let pools = if flavor == Flavor::Force { Pools::default() } else { pools(call)? };
    if let Some(leaf) = given.first() {
        log::info!("bundling certificate for {}", leaf.subject());
    }
    let made = bundle(&given, key.as_ref(), &pools, flavor, OffsetDateTime::now_utc())?;
    if let Some(root) = &made.root {
        log::info!("the anchoring root is {}", root.subject());
    }
    print_line(&made.to_json().to_string())
}

/// The roots and intermediates that the call names.
pub(crate) fn pools(call: &Call<'_>) -> anyhow::Result<Pools> {
    let roots = match call.flags.text(catalog::CA_BUNDLE) {
        Some(file) => input::read_certificates(file)?,
        None => system_roots()?,
    };
    let mut intermediates = match call.flags.text(catalog::INT_BUNDLE) {
        Some(file) => input::read_certificates(file)?,
        None => Vec::new(),
    };
    if let Some(directory) = call.flags.text(catalog::INT_DIR) {
        let reading = || format!("cannot read the directory {directory}");
        for entry in fs::read_dir(directory).with_context(reading)? {
            let path = entry.with_context(reading)?.path();
            if path.is_file() {
                intermediates.extend(input::read_certificates(&path.to_string_lossy())?);
            }
        }
    }
    Ok(Pools { roots, intermediates })
}

/// Roots that cannot be read are skipped: a system's store may hold old ones.
fn system_roots() -> anyhow::Result<Vec<Certificate>> {
    let found = SYSTEM_ROOTS.iter().find_map(|file| fs::read_to_string(file).ok());
    let text = found.context("this system has no root store that is known: name -ca-bundle")?;
    let blocks = certs::x509::decode_pem(&text)?.into_iter();
    Ok(blocks.filter_map(|block| Certificate::from_der(&block.contents).ok()).collect())
}
