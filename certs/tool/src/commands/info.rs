//! `info`.

use super::signer::{Signer, config, remote};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::output::print_line;
use crate::remote::Info;
use crate::runtime::block_on;

pub(crate) const COMMAND: Command = Command {
    name: "info",
    group: Group::Inspect,
    summary: "Ask a server for its authority and what a profile signs",
    usage: &[
        "-remote HOST:PORT [-label LABEL] [-profile NAME]",
        "-config FILE [-profile NAME] [-ca CERT -ca-key KEY]",
    ],
    help: "With -config the profile's own server is asked, or, when it has none, -ca is told.\n\
           Prints JSON with certificate, usages and expiry.\n\n\
           Example:\n  {name} info -remote ca.example:8888 -profile client",
    flags: &[
        catalog::REMOTE,
        catalog::LABEL,
        catalog::PROFILE,
        catalog::CONFIG,
        catalog::CA,
        catalog::CA_KEY,
        catalog::TLS_REMOTE_CA,
        catalog::MUTUAL_TLS_CLIENT_CERT,
        catalog::MUTUAL_TLS_CLIENT_KEY,
    ],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let info = match (call.flags.text(catalog::REMOTE), call.flags.text(catalog::CONFIG)) {
        (Some(address), _) => ask(call, &remote(call, address)?)?,
        (None, Some(_)) => configured(call)?,
        (None, None) => return Err(Usage::error("say whom to ask: -remote or -config")),
    };
    print_line(&serde_json::to_string(&info)?)
}

fn configured(call: &Call<'_>) -> anyhow::Result<Info> {
    let config = config(call)?;
    match Signer::of(call, &config)? {
        Signer::Remote(remote, _) => ask(call, &remote),
        Signer::Local(issuer) => {
            let profile = config.profile(call.flags.text(catalog::PROFILE).unwrap_or_default())?;
            Ok(Info {
                certificate: issuer.certificate().to_pem(),
                usages: Some(profile.usages.clone()),
                expiry: profile.expiry_text.clone(),
            })
        }
    }
}

fn ask(call: &Call<'_>, remote: &crate::remote::Remote) -> anyhow::Result<Info> {
    let text = |flag| call.flags.text(flag).unwrap_or_default();
    let (label, profile) = (text(catalog::LABEL), text(catalog::PROFILE));
    block_on(async { Ok(remote.info(label, profile).await?) })
}
