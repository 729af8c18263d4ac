//! `info`.

use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::output::print_line;
use crate::runtime::block_on;
use crate::signer::Signer;

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
    let text = |flag| call.flags.text(flag).unwrap_or_default();
    if text(catalog::REMOTE).is_empty() && text(catalog::CONFIG).is_empty() {
        return Err(Usage::error("say whom to ask: -remote or -config"));
    }
    let signer = Signer::from_flags(&call.flags, None)?;
    let (label, profile) = (text(catalog::LABEL), text(catalog::PROFILE));
    let info = block_on(async { Ok(signer.info(label, profile).await?) })?;
    print_line(&serde_json::to_string(&info)?)
}
