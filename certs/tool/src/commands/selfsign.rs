//! `selfsign`.

use anyhow::Context;
use time::OffsetDateTime;

use super::signer::config;
use super::spec;
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Order, catalog};
use crate::log;
use crate::output::Material;
use crate::self_signing;
use crate::sign::split_hosts;

pub(crate) const COMMAND: Command = Command {
    name: "selfsign",
    group: Group::Sign,
    summary: "Make a key and a certificate that it signs itself, for tests",
    usage: &["[-config FILE] [-profile NAME] HOSTNAME CSRJSON"],
    help: "Nobody vouches for such a certificate: do not use it where it matters. HOSTNAME, or a\n\
           list with commas between, is added to the names when CSRJSON has no hosts. It is valid\n\
           for three months unless the configuration says otherwise.\n\n\
           Example:\n  {name} selfsign test.example csr.json | {json} -bare test",
    flags: &[catalog::CONFIG, catalog::PROFILE, catalog::HOSTNAME],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let expected = || Usage::error("selfsign takes two arguments: HOSTNAME and CSRJSON");
    let (hosts, file) = match (call.flags.text(catalog::HOSTNAME), call.arguments.as_slice()) {
        (Some(hosts), [file]) => (hosts, file.as_str()),
        (None, [hosts, file]) => (hosts.as_str(), file.as_str()),
        _ => return Err(expected()),
    };
    let mut spec = spec::read_from(file)?;
    if spec.hosts().is_empty() {
        spec.set_hosts(split_hosts(hosts)).context("HOSTNAME")?;
    }
    let config = config(call)?;
    let mut profile =
        config.profile(call.flags.text(catalog::PROFILE).unwrap_or_default())?.clone();
    if call.flags.text(catalog::CONFIG).is_none() {
        profile.expiry = Some(self_signing::LIFETIME);
    }
    log::info!("generate received request");
    let (key, request) = spec.generate()?;
    let certificate = self_signing::certify(&spec, &key, &profile, OffsetDateTime::now_utc())?;
    log::warning!("a self-signed certificate proves nothing: use it for tests only");
    Material {
        certificate: Some(certificate.to_pem()),
        request: Some(request.to_pem()),
        key: Some(key.to_pem()?),
    }
    .print()
}
