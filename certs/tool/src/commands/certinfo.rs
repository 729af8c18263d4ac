//! `certinfo`.

use anyhow::{Context, bail};

use crate::bundle::{Endpoint, presented_by};
use crate::command::{Call, Command, Group};
use crate::database::Key;
use crate::describe::{CertificateInfo, request_info};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::input;
use crate::output::print_line;
use crate::runtime::block_on;

pub(crate) const COMMAND: Command = Command {
    name: "certinfo",
    group: Group::Inspect,
    summary: "Tell what a certificate or a request says",
    usage: &[
        "-cert FILE",
        "-csr FILE",
        "-domain HOST[:PORT]",
        "-serial NUMBER -aki KEYID -db-config FILE",
    ],
    help: "FILE - is standard input. -domain takes the certificate that a live listener shows, whether\n\
           it can be trusted or not. Prints JSON.\n\n\
           Example:\n  {name} certinfo -domain 127.0.0.1:6443",
    flags: &[
        catalog::CERT,
        catalog::CSR,
        catalog::DOMAIN,
        catalog::SERIAL,
        catalog::AKI,
        catalog::DB_CONFIG,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let told = match call.flags.text(catalog::CSR) {
        Some(file) if call.flags.text(catalog::CERT).is_none() => {
            serde_json::to_string_pretty(&request_info(&input::read_request(file)?))?
        }
        _ => serde_json::to_string_pretty(&CertificateInfo::of(&certificate(call)?))?,
    };
    print_line(&told)
}

fn certificate(call: &Call<'_>) -> anyhow::Result<certs::x509::Certificate> {
    let flags = &call.flags;
    if let Some(file) = flags.text(catalog::CERT) {
        let certificates = input::read_certificates(file)?;
        return certificates.into_iter().next().context("nothing is in it");
    }
    if let Some(domain) = flags.text(catalog::DOMAIN) {
        let shown = presented_by(&Endpoint::parse(domain, None))?;
        return shown.into_iter().next().context("nothing was shown");
    }
    let (Some(serial), Some(aki)) = (flags.text(catalog::SERIAL), flags.text(catalog::AKI)) else {
        return Err(Usage::error(
            "say what to look at: -cert, -csr, -domain, or -serial with -aki",
        ));
    };
    let key = Key::parse(serial, aki)?;
    let record = block_on(async { Ok(call.database().await?.find(&key).await?) })?;
    match record {
        Some(record) => Ok(certs::x509::Certificate::from_pem(&record.pem)?),
        None => bail!("the database has no certificate with serial {serial} and key id {aki}"),
    }
}
