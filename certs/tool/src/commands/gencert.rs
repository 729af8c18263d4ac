//! `gencert`.

use anyhow::{Context, bail};
use time::OffsetDateTime;

use super::signer::{open, sign, warn_of_missing_hosts, with_signing};
use super::spec;
use crate::authority;
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::input;
use crate::log;
use crate::output::Material;
use crate::request::RequestSpec;
use crate::sign::{SignRequest, split_hosts};

pub(crate) const COMMAND: Command = Command {
    name: "gencert",
    group: Group::Make,
    summary: "Make a key and a signed certificate, or a new authority",
    usage: &[
        "-initca [-ca-key KEY] CSRJSON",
        "-ca CERT -ca-key KEY [-config FILE] [-profile NAME] [-hostname LIST] CSRJSON",
        "-remote HOST:PORT [-config FILE] [-profile NAME] [-label LABEL] [-hostname LIST] CSRJSON",
        "-renewca -ca CERT -ca-key KEY",
    ],
    help: "CSRJSON is a file with the request, - is standard input; print-defaults csr shows one.\n\
           Prints JSON with cert, csr and key, which {json} -bare writes to files.\n\n\
           -initca makes an authority that signs itself, with -ca-key by a key that exists.\n\
           -renewca renews an authority: same key, same subject, for as long as it had.\n\
           A profile that the configuration does not have is an error here; CFSSL takes the\n\
           default one in its place.\n\n\
           Examples:\n  \
           {name} gencert -initca ca-csr.json | {json} -bare ca\n  \
           {name} gencert -ca ca.pem -ca-key ca-key.pem -config config.json -profile server \\\n      \
           -hostname a.example,10.0.0.1 csr.json | {json} -bare server\n  \
           {name} gencert -renewca -ca ca.pem -ca-key ca-key.pem | {json} -bare -force ca",
    flags: &ALL_FLAGS,
    order: Order::FlagsFirst,
    run,
};

const ALL_FLAGS: [Flag; 15] = with_signing([catalog::INITCA, catalog::RENEWCA, catalog::CN]);

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    if call.flags.is_on(catalog::RENEWCA) {
        return renew(call);
    }
    let mut spec = spec::read(call)?;
    if let Some(name) = call.flags.text(catalog::CN) {
        spec.common_name = name.to_owned();
    }
    match call.flags.is_on(catalog::INITCA) {
        true => create_authority(call, &spec),
        false => certify(call, spec),
    }
}

fn renew(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let missing = || Usage::error("-renewca needs the authority: -ca CERT -ca-key KEY");
    let ca = call.flags.text(catalog::CA).ok_or_else(missing)?;
    let ca_key = call.flags.text(catalog::CA_KEY).ok_or_else(missing)?;
    log::info!("re-generate a CA certificate from CA cert and key");
    let (certificate, key) = (input::read_certificate(ca)?, input::read_key(ca_key)?);
    let renewed = authority::renew(&certificate, &key, OffsetDateTime::now_utc());
    let renewed = renewed.with_context(|| format!("-ca {ca}, -ca-key {ca_key}"))?;
    Material { certificate: Some(renewed.to_pem()), ..Material::default() }.print()
}

fn create_authority(call: &Call<'_>, spec: &RequestSpec) -> anyhow::Result<()> {
    let now = OffsetDateTime::now_utc();
    let material = match call.flags.text(catalog::CA_KEY) {
        Some(file) => {
            log::info!("re-generate a CA certificate from CSR and CA key");
            let key = input::read_key(file)?;
            let (request, certificate) = authority::create_with_key(spec, &key, now)?;
            Material {
                certificate: Some(certificate.to_pem()),
                request: Some(request.to_pem()),
                key: None,
            }
        }
        None => {
            log::info!("generating a new CA key and certificate from CSR");
            spec::new_authority(spec, now)?
        }
    };
    material.print()
}

fn certify(call: &Call<'_>, mut spec: RequestSpec) -> anyhow::Result<()> {
    if spec.authority.is_some() {
        bail!("{}: ca: such a section belongs to -initca", spec::file(call)?);
    }
    let hosts = call.flags.text(catalog::HOSTNAME).map(split_hosts);
    if let Some(hosts) = &hosts {
        spec.set_hosts(hosts.clone()).context("-hostname")?;
    }
    // Everything that can be wrong is looked at before a key is made.
    let signer = open(call)?;
    log::info!("generate received request");
    let (key, request) = spec.generate()?;
    let ask = SignRequest {
        hosts,
        profile: call.flags.text(catalog::PROFILE).unwrap_or_default().to_owned(),
        label: call.flags.text(catalog::LABEL).unwrap_or_default().to_owned(),
        crl_url: call.flags.text(catalog::CRL).or(spec.crl_url.as_deref()).map(str::to_owned),
        ..SignRequest::new(request)
    };
    let certificate = sign(&signer, &ask)?;
    warn_of_missing_hosts(spec.hosts().is_empty());
    Material {
        certificate: Some(certificate),
        request: Some(ask.request.to_pem()),
        key: Some(key.to_pem()?),
    }
    .print()
}
