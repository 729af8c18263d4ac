//! `info`: what a CA server tells of one of its profiles.

use serde_json::to_string;

use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::runtime::block_on;
use crate::signer::Signer;

pub(crate) const COMMAND: Command = Command {
    name: "info",
    group: Group::Inspect,
    summary: "Ask a CA server for its certificate, and the usages and lifetime of a profile",
    usage: &[
        "-remote ADDRESS[,ADDRESS...] [-profile PROFILE] [-label LABEL]",
        "-config FILE [-profile PROFILE] [-label LABEL]",
    ],
    help: "The address is HOST (port 8888), HOST:PORT or a URL with http or https; of several the \
           first that answers\ncounts. With -config the server is the one that the profile names.\n\n\
           Example:\n  {name} info -remote https://ca.example:8888 -tls-remote-ca ca.pem -profile server",
    flags: &[
        catalog::REMOTE,
        catalog::CONFIG,
        catalog::PROFILE,
        catalog::LABEL,
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
    let flags = &call.flags;
    if flags.text(catalog::REMOTE).is_none() && flags.text(catalog::CONFIG).is_none() {
        return Err(Usage::error("Either -remote or -config must be given"));
    }
    let text = |flag| flags.text(flag).unwrap_or_default();
    let signer = Signer::from_flags(flags, None)?;
    let info = block_on(async {
        match &signer.remote {
            // The server's profile need not be one of ours.
            Some(remote) => {
                let remote = crate::remote::Remote::new(remote, &signer.remote_files)?;
                Ok(remote.info(text(catalog::LABEL), text(catalog::PROFILE)).await?)
            }
            None => Ok(signer.info(text(catalog::LABEL), text(catalog::PROFILE)).await?),
        }
    })?;
    crate::output::print_line(&to_string(&info)?)
}
