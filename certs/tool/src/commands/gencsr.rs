//! `gencsr`.

use anyhow::Context;
use certs::x509::{Extension, Request};

use super::spec;
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::input;
use crate::log;
use crate::output::Material;
use crate::sign::split_hosts;

/// As CFSSL's usage text calls `-hostname` here.
const HOST: Flag = Flag::text("host", "the same as -hostname");

pub(crate) const COMMAND: Command = Command {
    name: "gencsr",
    group: Group::Make,
    summary: "Make a request by a key that exists",
    usage: &["-key KEY [-hostname LIST] CSRJSON", "-key KEY [-hostname LIST] -cert CERT"],
    help: "Asks for what CSRJSON says, or for the same as the certificate in -cert, with the key in\n\
           -key: a FILE, or env:VARIABLE. Prints JSON with csr and key.\n\n\
           Example:\n  {name} gencsr -key server-key.pem -cert server.pem | {json} -bare -force server",
    flags: &[catalog::KEY, catalog::CERT, catalog::HOSTNAME, HOST],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let missing = || Usage::error("private key file is required through '-key'");
    let place = call.flags.text(catalog::KEY).ok_or_else(missing)?;
    let key = input::read_key(place)?;
    let hosts = call.flags.text(catalog::HOSTNAME).or(call.flags.text(HOST)).map(split_hosts);
    let request = match call.flags.text(catalog::CERT) {
        Some(file) => {
            call.no_arguments()?;
            let certificate = input::read_certificate(file)?;
            let names = match hosts {
                Some(hosts) => certs::AlternativeNames::of_hosts(hosts).context("-hostname")?,
                None => certificate.alternative_names().clone(),
            };
            let constraints = certificate.is_authority().then(|| {
                Extension::basic_constraints(certs::x509::BasicConstraints {
                    is_authority: true,
                    path_len: certificate.path_len(),
                })
            });
            let extensions: Vec<Extension> = constraints.into_iter().collect();
            Request::new(&key, certificate.subject(), &names, &extensions)?
        }
        None => {
            let mut spec = spec::read(call)?;
            if let Some(hosts) = hosts {
                spec.set_hosts(hosts).context("-hostname")?;
            }
            spec.request(&key)?
        }
    };
    log::info!("encoded CSR");
    let key = Some(input::read_prefixed(place)?);
    Material { request: Some(request.to_pem()), key, certificate: None }.print()
}
