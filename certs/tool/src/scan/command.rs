//! The command `scan` itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::{Scan, describe};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::log;
use crate::runtime::block_on;

const MAX_HOSTS: Flag = catalog::MAX_HOSTS.with_default("100");

pub(crate) const COMMAND: Command = Command {
    name: "scan",
    group: Group::Inspect,
    summary: "Scan TLS listeners: whether they are reached, and whether their certificates hold",
    usage: &[
        "[-family REGEXP] [-scanner REGEXP] [-timeout DURATION] [-ip ADDRESS] HOST[:PORT]...",
        "[-ca-bundle FILE] HOST[:PORT]...",
        "-list",
    ],
    help: "The families are Connectivity and PKI. CFSSL's TLSHandshake, TLSSession and Broad are \
           not here.\n\n\
           Example:\n  {name} scan -family PKI -ca-bundle ca.pem 127.0.0.1:6443",
    flags: &[
        catalog::LIST,
        catalog::FAMILY,
        catalog::SCANNER,
        catalog::TIMEOUT,
        catalog::IP,
        catalog::CA_BUNDLE,
        MAX_HOSTS,
    ],
    order: Order::FlagsFirst,
    run,
};

/// What CFSSL's scan does with flags, and this one does not.
const REFUSED: [(Flag, &str); 2] = [
    (catalog::CSV, "hosts stand on the command line"),
    (catalog::NUM_WORKERS, "hosts are scanned one after another"),
];

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let flags = &call.flags;
    for (flag, instead) in REFUSED {
        if flags.names().any(|name| name == flag.name) {
            return Err(Usage::error(format!("scan: -{} is not here: {instead}", flag.name)));
        }
    }
    if flags.is_on(catalog::LIST) {
        println!("{:#}\n", describe());
        return Ok(());
    }
    if call.arguments.is_empty() {
        return Err(Usage::error("scan takes the hosts to scan, or -list"));
    }
    let text = |flag| flags.text(flag).unwrap_or_default();
    let bundle = flags.text(catalog::CA_BUNDLE).map(PathBuf::from);
    let ip = text(catalog::IP);
    let scan = Scan::new(text(catalog::FAMILY), text(catalog::SCANNER), ip, bundle)
        .map_err(|refused| Usage::error(format!("scan: {refused}")))?;
    let timeout = flags.duration(catalog::TIMEOUT).expect("the flag has a default");
    let timeout = Duration::try_from(timeout).context("-timeout is negative")?;
    let limit = flags.number(MAX_HOSTS).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.ok_or_else(|| Usage::error("-max-hosts is negative"))?;
    if call.arguments.len() > limit {
        let given = call.arguments.len();
        log::warning!("Only scanning max-hosts={limit} out of {given} args given");
    }
    block_on(async {
        for host in call.arguments.iter().take(limit) {
            println!("Scanning {host}...");
            let report = tokio::time::timeout(timeout, scan.run(host)).await;
            println!("=== {host} ===");
            match report {
                Ok(report) => println!("{}\n", serde_json::to_string_pretty(&report)?),
                Err(_) => log::error!("Scan timed out after {timeout:?}"),
            }
        }
        Ok(())
    })
}
