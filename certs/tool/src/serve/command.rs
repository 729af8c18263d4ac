//! The command `serve` itself.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::{dispatch, listener, tls};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::ocsp::ResponderFiles;
use crate::runtime::block_on_all;
use crate::{input, log};

pub(crate) const COMMAND: Command = Command {
    name: "serve",
    group: Group::Serve,
    summary: "Serve CFSSL's API: signing, revoking, inspecting over HTTP",
    usage: &[
        "[-ca CERT -ca-key KEY] [-config FILE] [-db-config FILE] [-responder CERT -responder-key KEY]",
        "... [-address ADDRESS] [-port PORT] [-tls-cert CERT -tls-key KEY] [-mutual-tls-ca CERT]",
    ],
    help: "Example:\n  {name} serve -ca ca.pem -ca-key ca-key.pem -config config.json",
    flags: &[
        catalog::ADDRESS,
        catalog::PORT,
        catalog::CA,
        catalog::CA_KEY,
        catalog::DB_CONFIG,
        catalog::RESPONDER,
        catalog::RESPONDER_KEY,
        catalog::INTERVAL,
        catalog::TLS_CERT,
        catalog::TLS_KEY,
        catalog::MUTUAL_TLS_CA,
        catalog::MUTUAL_TLS_CN,
        catalog::MIN_TLS_VERSION,
        catalog::DISABLE,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    block_on_all(serve(call))
}

async fn serve(call: &Call<'_>) -> anyhow::Result<()> {
    let flags = &call.flags;
    let tls = tls::tls(flags)?;
    let admission = flags.text(catalog::MUTUAL_TLS_CN).map(regex::Regex::new).transpose();
    let admission = admission.map_err(|error| Usage::error(format!("-mutual-tls-cn: {error}")))?;
    let app = app(call).await?;
    let disabled = flags.text(catalog::DISABLE).unwrap_or_default();
    let disabled: Vec<String> = disabled.split(',').map(|name| name.trim().to_owned()).collect();
    let router = dispatch::router(app, &disabled, admission);
    let listener = listener::bind(flags).await?;
    let stop = CancellationToken::new();
    let serving = listener::serve(listener, tls, router, stop.clone());
    listener::until_signalled(serving, stop).await.context("cannot wait for signals")
}

async fn app(call: &Call<'_>) -> anyhow::Result<App> {
    let flags = &call.flags;
    let mut app = App::default();
    if flags.text(catalog::DB_CONFIG).is_some() {
        app.database = Some(call.database().await?);
    }
    if let (Some(ca), Some(key)) = (flags.text(catalog::CA), flags.text(catalog::CA_KEY)) {
        app.issuer = Some(Arc::new(input::read_issuer(ca, key)?));
    }
    if flags.text(catalog::RESPONDER).is_some() {
        let files = ResponderFiles::from_flags(flags).map_err(Usage::error)?;
        let interval = flags.duration(catalog::INTERVAL).expect("the flag has a default");
        app.responder = Some((files.read()?, interval));
    } else {
        log::warning!("couldn't initialize ocsp signer: no -responder");
    }
    Ok(app)
}
