//! `sign`.

use super::signer::{open, sign, with_signing};
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::{Flag, Order, catalog};
use crate::input;
use crate::output::Material;
use crate::sign::{SignRequest, SubjectOverride, split_hosts};

/// What CFSSL's usage text promises for the argument.
const SUBJECT: Flag = Flag::text("subject", "file with the subject to use, as JSON");

pub(crate) const COMMAND: Command = Command {
    name: "sign",
    group: Group::Sign,
    summary: "Sign a request",
    usage: &[
        "-ca CERT -ca-key KEY [-config FILE] [-profile NAME] [-hostname LIST] CSR [SUBJECT]",
        "-remote HOST:PORT [-config FILE] [-profile NAME] [-label LABEL] CSR [SUBJECT]",
    ],
    help: "CSR is a request in PEM, - is standard input; -csr may name it as well. SUBJECT is a JSON\n\
           file with CN, names and SerialNumber: what it has replaces that of the request.\n\
           -hostname replaces the names of the request. Prints JSON with cert and csr.\n\n\
           Example:\n  \
           {name} sign -ca ca.pem -ca-key ca-key.pem -profile client -config config.json a.csr |\n      \
           {json} -bare a",
    flags: &ALL_FLAGS,
    order: Order::FlagsFirst,
    run,
};

const ALL_FLAGS: [Flag; 15] = with_signing([catalog::CSR, SUBJECT, catalog::CN]);

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    let (file, rest) = match (call.flags.text(catalog::CSR), arguments.as_slice()) {
        (Some(file), rest) => (file, rest),
        (None, [file, rest @ ..]) => (*file, rest),
        (None, []) => return Err(Usage::error("no request was given: CSR, or -csr FILE")),
    };
    let subject = match (call.flags.text(SUBJECT), rest) {
        (given, []) => given,
        (None, [subject]) => Some(*subject),
        _ => return Err(Usage::error("sign takes two arguments at most: CSR and SUBJECT")),
    };
    let mut subject = match subject {
        Some(file) => Some(SubjectOverride::read(&input::read_json(file)?.root())?),
        None => None,
    };
    if let Some(name) = call.flags.text(catalog::CN) {
        subject.get_or_insert_default().common_name = name.to_owned();
    }
    let text = input::read(file)?;
    let ask = SignRequest {
        hosts: call.flags.text(catalog::HOSTNAME).map(split_hosts),
        subject,
        profile: call.flags.text(catalog::PROFILE).unwrap_or_default().to_owned(),
        label: call.flags.text(catalog::LABEL).unwrap_or_default().to_owned(),
        crl_url: call.flags.text(catalog::CRL).map(str::to_owned),
        ..SignRequest::new(input::parse_request(file, &text)?)
    };
    let certificate = sign(&open(call)?, &ask)?;
    Material { certificate: Some(certificate), request: Some(text), key: None }.print()
}
