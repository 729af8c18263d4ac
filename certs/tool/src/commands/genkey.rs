//! `genkey`.

use anyhow::bail;
use time::OffsetDateTime;

use super::spec;
use crate::command::{Call, Command, Group};
use crate::flag::{Order, catalog};
use crate::log;
use crate::output::Material;

pub(crate) const COMMAND: Command = Command {
    name: "genkey",
    group: Group::Make,
    summary: "Make a key and a request for a certificate",
    usage: &["[-initca] CSRJSON"],
    help: "CSRJSON is a file with the request, - is standard input; print-defaults csr shows one.\n\
           Prints JSON with csr and key; with -initca also cert, an authority by that key.\n\n\
           Example:\n  {name} genkey csr.json | {json} -bare server",
    flags: &[catalog::INITCA],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let spec = spec::read(call)?;
    if call.flags.is_on(catalog::INITCA) {
        return spec::new_authority(&spec, OffsetDateTime::now_utc())?.print();
    }
    if spec.authority.is_some() {
        bail!("{}: ca: such a section belongs to -initca", spec::file(call)?);
    }
    log::info!("generate received request");
    let (key, request) = spec.generate()?;
    let key = Some(key.to_pem()?);
    Material { request: Some(request.to_pem()), key, certificate: None }.print()
}
