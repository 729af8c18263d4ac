//! The command `serve` itself.

use std::path::PathBuf;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::{dispatch, library_log, listener, tls};
use crate::command::{Call, Command, Group};
use crate::commands::bundle::pools;
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::log;
use crate::ocsp::ResponderFiles;
use crate::runtime::block_on_all;
use crate::signer::Signer;

pub(crate) const COMMAND: Command = Command {
    name: "serve",
    group: Group::Serve,
    summary: "Serve CFSSL's API: signing, revoking, inspecting over HTTP",
    usage: &[
        "[-ca CERT -ca-key KEY] [-config FILE] [-db-config FILE] [-responder CERT -responder-key KEY]",
        "... [-address ADDRESS] [-port PORT] [-tls-cert CERT -tls-key KEY] [-mutual-tls-ca CERT]",
    ],
    help: HELP,
    flags: &[
        catalog::ADDRESS,
        catalog::PORT,
        catalog::CA,
        catalog::CA_KEY,
        catalog::CONFIG,
        catalog::DB_CONFIG,
        catalog::REMOTE,
        catalog::TLS_REMOTE_CA,
        catalog::MUTUAL_TLS_CLIENT_CERT,
        catalog::MUTUAL_TLS_CLIENT_KEY,
        catalog::CA_BUNDLE,
        catalog::INT_BUNDLE,
        catalog::INT_DIR,
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

const HELP: &str = "\
The endpoints, below /api/v1/cfssl/: sign, authsign, info, newkey, newcert, init_ca, bundle,
certinfo, gencrl, scan, scaninfo, health; with -db-config also revoke, crl and certadd; with a
responder ocspsign. Requests and answers are CFSSL's. What the given flags do not suffice for is not served, and the log
tells why. -disable takes names of endpoints away.

-config has the profiles, the keys that clients prove themselves with (auth_keys), and remote servers
that sign instead. With -db-config what is signed is recorded before it is answered; the file is
  {\"driver\": \"file\", \"data_source\": \"certificates.jsonl\"}   or
  {\"driver\": \"etcd\", \"endpoints\": [...], \"ca\": FILE, \"cert\": FILE, \"key\": FILE, \"prefix\": ...}

Without -tls-cert and -tls-key it speaks plain HTTP, as CFSSL does; on an address that other hosts
reach that is warned of. With -mutual-tls-ca clients must show a certificate by that authority, with
-mutual-tls-cn one whose common name matches. Certificates that change on disk are taken up.
It ends in order at SIGTERM and SIGINT.

Example:
  {name} serve -ca ca.pem -ca-key ca-key.pem -config config.json -db-config db.json \\
      -tls-cert server.pem -tls-key server-key.pem -mutual-tls-ca ca.pem";

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    library_log::install();
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
    let prefix = match (&tls, flags.text(catalog::MUTUAL_TLS_CA)) {
        (None, _) => "on ",
        (Some(_), None) => "on https://",
        (Some(_), Some(_)) => "with mutual TLS on https://",
    };
    let listener = listener::bind(flags, prefix).await?;
    let open = tls.is_none() && !listener.local_addr()?.ip().is_loopback();
    if open {
        log::warning!(
            "THIS IS PLAIN HTTP FOR EVERY HOST THAT REACHES THIS ONE: whoever asks gets certificates \
             signed, and keys cross the network unencrypted; use -tls-cert, -tls-key and \
             -mutual-tls-ca, or listen on 127.0.0.1"
        );
    }
    let stop = CancellationToken::new();
    let serving = listener::serve(listener, tls, router, stop.clone());
    listener::until_signalled(serving, stop).await.context("cannot wait for signals")
}

async fn app(call: &Call<'_>) -> anyhow::Result<App> {
    let flags = &call.flags;
    let given = |flag| flags.text(flag).is_some();
    let mut app = App {
        ca_bundle: flags.text(catalog::CA_BUNDLE).map(PathBuf::from),
        bundles_what_it_signs: given(catalog::CA_BUNDLE) && given(catalog::INT_BUNDLE),
        ..App::default()
    };
    app.pools = match pools(call) {
        Ok(pools) => Ok(pools),
        // The system's roots are nobody's order: only what was named must be there.
        Err(error) if given(catalog::CA_BUNDLE) || given(catalog::INT_BUNDLE) => return Err(error),
        Err(error) => Err(format!("{error:#}")),
    };
    if flags.text(catalog::DB_CONFIG).is_some() {
        app.database = Some(call.database().await?);
    }
    app.signer = Signer::from_flags(flags, app.database.clone())?;
    if flags.text(catalog::RESPONDER).is_some() {
        let files = ResponderFiles::from_flags(flags).map_err(Usage::error)?;
        let interval = flags.duration(catalog::INTERVAL).expect("the flag has a default");
        app.responder = Some((files.read()?, interval));
    } else {
        log::warning!("couldn't initialize ocsp signer: no -responder");
    }
    Ok(app)
}
