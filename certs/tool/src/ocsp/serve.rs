//! `ocspserve`: answers over HTTP.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::ResponderFiles;
use super::server::router;
use super::source::{Live, Source};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::runtime::block_on_all;
use crate::serve::listener;

/// How long an answer that was signed when it was asked for may be believed.
const INTERVAL: Flag = catalog::INTERVAL.with_default("1h");

pub(crate) const COMMAND: Command = Command {
    name: "ocspserve",
    group: Group::Serve,
    summary: "Answer OCSP requests, from a file or from the database",
    usage: &[
        "-responses FILE [-address ADDRESS] [-port PORT] [-path PATH]",
        "-db-config FILE [-address ADDRESS] [-port PORT] [-path PATH]",
        "-db-config FILE -ca CERT -responder CERT -responder-key KEY [-interval DURATION]",
    ],
    help: "\
Serves what `ocspdump` printed, or what `ocsprefresh` keeps in the database: who is not in there is
answered \"unauthorized\".
With a responder's key each answer is signed when it is asked for, repeats the nonce, and tells of a
revocation at once; a serial number that was never issued is \"unknown\".
GET and POST, plain HTTP: answers are signed. Ends in order at SIGTERM and SIGINT.

Example:
  {name} ocspserve -db-config db.json -ca ca.pem -responder ocsp.pem \\
      -responder-key ocsp-key.pem -port 8889",
    flags: &[
        catalog::ADDRESS,
        catalog::PORT,
        catalog::PATH,
        catalog::RESPONSES,
        catalog::DB_CONFIG,
        catalog::CA,
        catalog::RESPONDER,
        catalog::RESPONDER_KEY,
        catalog::KEY,
        INTERVAL,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    block_on_all(async {
        let source = Arc::new(source(call).await?);
        let path = call.flags.text(catalog::PATH).unwrap_or("/");
        if !path.starts_with('/') {
            return Err(Usage::error(format!("-path {path}: it begins with a slash")));
        }
        let listener = listener::bind(&call.flags, "on ").await?;
        let stop = CancellationToken::new();
        let serving = listener::serve(listener, None, router(source, path), stop.clone());
        listener::until_signalled(serving, stop).await.context("cannot wait for signals")
    })
}

async fn source(call: &Call<'_>) -> anyhow::Result<Source> {
    let flags = &call.flags;
    let path = flags.text(catalog::RESPONSES);
    if let Some(path) = path {
        return Ok(Source::from_file(path.as_ref())?);
    }
    if flags.text(catalog::DB_CONFIG).is_none() {
        return Err(Usage::error(
            "no response file or db-config provided, please set the one of these using either \
             -responses or -db-config flags",
        ));
    }
    let signs = [catalog::CA, catalog::RESPONDER, catalog::RESPONDER_KEY, catalog::KEY];
    if !signs.iter().any(|flag| flags.is_given(*flag)) {
        return Ok(Source::Kept(call.database().await?));
    }
    let responder = ResponderFiles::from_flags(flags).map_err(Usage::error)?.read()?;
    let interval = flags.duration(INTERVAL).expect("the flag has a default");
    Ok(Source::Live(Box::new(Live { database: call.database().await?, responder, interval })))
}
