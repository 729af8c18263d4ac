//! What the commands that take a CSR JSON have in common.

use time::OffsetDateTime;

use crate::authority;
use crate::command::Call;
use crate::failure::Usage;
use crate::input;
use crate::output::Material;
use crate::request::RequestSpec;

/// The one argument of such a command.
pub(super) fn file<'a>(call: &'a Call<'_>) -> anyhow::Result<&'a str> {
    match call.arguments.as_slice() {
        [file] => Ok(file),
        [] => Err(Usage::error(
            "CSRJSON is missing: a file with the request, or - for standard input",
        )),
        [_, second, ..] => Err(Usage::error(format!(
            "only one argument is accepted, and {second:?} is another: flags stand before it"
        ))),
    }
}

pub(super) fn read(call: &Call<'_>) -> anyhow::Result<RequestSpec> {
    read_from(file(call)?)
}

pub(super) fn read_from(file: &str) -> anyhow::Result<RequestSpec> {
    Ok(RequestSpec::read(&input::read_json(file)?.root())?)
}

/// A new authority with all that belongs to it.
pub(super) fn new_authority(spec: &RequestSpec, now: OffsetDateTime) -> anyhow::Result<Material> {
    let (key, request, certificate) = authority::create(spec, now)?;
    Ok(Material {
        certificate: Some(certificate.to_pem()),
        request: Some(request.to_pem()),
        key: Some(key.to_pem()?),
    })
}
