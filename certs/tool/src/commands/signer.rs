//! Who signs for a command: an authority in files here, or a server elsewhere.

use anyhow::Context;
use time::OffsetDateTime;

use crate::command::Call;
use crate::config::SigningConfig;
use crate::failure::Usage;
use crate::flag::{Flag, catalog};
use crate::runtime::block_on;
use crate::sign::{SignRequest, check_issuer};
use crate::signer::Signer;
use crate::{input, log};

/// What every command that signs honours.
pub(super) const FLAGS: [Flag; 12] = [
    catalog::CA,
    catalog::CA_KEY,
    catalog::CONFIG,
    catalog::PROFILE,
    catalog::HOSTNAME,
    catalog::CRL,
    catalog::REMOTE,
    catalog::LABEL,
    catalog::TLS_REMOTE_CA,
    catalog::MUTUAL_TLS_CLIENT_CERT,
    catalog::MUTUAL_TLS_CLIENT_KEY,
    catalog::DB_CONFIG,
];

/// The flags of [`FLAGS`] after those that a command has of its own. `ALL` is their number.
pub(super) const fn with_signing<const OWN: usize, const ALL: usize>(
    own: [Flag; OWN],
) -> [Flag; ALL] {
    let mut all = [FLAGS[0]; ALL];
    let mut position = 0;
    while position < ALL {
        all[position] = if position < OWN { own[position] } else { FLAGS[position - OWN] };
        position += 1;
    }
    all
}

/// The configuration of `-config`, or the built-in one.
pub(super) fn config(call: &Call<'_>) -> anyhow::Result<SigningConfig> {
    match call.flags.text(catalog::CONFIG) {
        Some(file) => Ok(SigningConfig::read(&input::read_json(file)?)?),
        None => Ok(SigningConfig::built_in()),
    }
}

/// Who signs by the profile that the call names: `-remote` first, then the profile's remote, then
/// `-ca` and `-ca-key`. What is wrong with them is told here, before a key is made in vain.
pub(super) fn open(call: &Call<'_>) -> anyhow::Result<Signer> {
    let database = match call.flags.text(catalog::DB_CONFIG) {
        Some(_) => Some(block_on(call.database())?),
        None => None,
    };
    let signer = Signer::from_flags(&call.flags, database)?;
    let profile = signer.profile(call.flags.text(catalog::PROFILE).unwrap_or_default())?;
    if signer.remote.is_some() || profile.remote.is_some() {
        return Ok(signer);
    }
    let Some(certificate) = call.flags.text(catalog::CA) else {
        return Err(Usage::error("need a CA certificate (provide one with -ca)"));
    };
    let Some(issuer) = &signer.issuer else {
        return Err(Usage::error("need a CA key (provide one with -ca-key)"));
    };
    check_issuer(issuer.certificate(), OffsetDateTime::now_utc())
        .with_context(|| certificate.to_owned())?;
    Ok(signer)
}

/// The certificate in PEM; recorded where `-db-config` says.
pub(super) fn sign(signer: &Signer, ask: &SignRequest) -> anyhow::Result<String> {
    block_on(async { Ok(signer.sign(ask, OffsetDateTime::now_utc()).await?) })
}

/// CFSSL's warning, in other words.
pub(super) fn warn_of_missing_hosts(no_hosts: bool) {
    if no_hosts {
        log::warning!(
            "This certificate lacks a \"hosts\" field: no client will take it for a server's. \
             (CA/Browser Forum's Baseline Requirements, section 10.2.3, want a name or an address.)"
        );
    }
}
