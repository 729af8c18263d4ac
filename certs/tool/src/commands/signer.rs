//! Who signs for a command: an authority in files here, or a server elsewhere.

use std::sync::Arc;

use anyhow::Context;
use certs::x509::{Certificate, Issuer};
use serde_json::Value;
use time::OffsetDateTime;

use crate::command::Call;
use crate::config::SigningConfig;
use crate::database::{self, CertificateRecord, Database};
use crate::failure::Usage;
use crate::flag::{Flag, catalog};
use crate::remote::{AuthKey, Remote, RemoteFiles};
use crate::runtime::block_on;
use crate::sign::{SignRequest, check_issuer, sign};
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

pub(super) enum Signer {
    Local(Box<Issuer>),
    Remote(Remote, Option<AuthKey>),
}

impl Signer {
    /// Who signs by the profile that the call names: `-remote` first, then the profile's remote,
    /// then `-ca` and `-ca-key`.
    pub fn of(call: &Call<'_>, config: &SigningConfig) -> anyhow::Result<Self> {
        // A server has profiles of its own: one that is not known here may be there.
        let name = call.flags.text(catalog::PROFILE).unwrap_or_default();
        if let Some(address) = call.flags.text(catalog::REMOTE) {
            let profile = config.profile(name).unwrap_or(&config.default);
            let key = profile.remote.as_ref().map(|remote| remote.key.clone());
            let key = key.unwrap_or_else(|| profile.auth_key.clone());
            return Ok(Self::Remote(remote(call, address)?, key));
        }
        let profile = config.profile(name)?;
        if let Some(signer) = &profile.remote {
            return Ok(Self::Remote(remote(call, &signer.address)?, signer.key.clone()));
        }
        Ok(Self::Local(Box::new(local(call)?)))
    }

    pub fn sign(&self, ask: &SignRequest, config: &SigningConfig) -> anyhow::Result<String> {
        let now = OffsetDateTime::now_utc();
        match self {
            Self::Local(issuer) => Ok(sign(ask, config, issuer, now)?.to_pem()),
            Self::Remote(remote, key) => {
                let body = ask.to_json();
                let signing = async { Ok(remote.sign(&body, key.as_ref(), now).await?) };
                block_on(signing)
            }
        }
    }
}

/// The server at `address`, spoken to as the call's TLS flags say.
pub(super) fn remote(call: &Call<'_>, address: &str) -> anyhow::Result<Remote> {
    Ok(Remote::new(address, &RemoteFiles::from_flags(&call.flags))?)
}

/// The authority of `-ca` and `-ca-key`.
pub(super) fn local(call: &Call<'_>) -> anyhow::Result<Issuer> {
    let named = |flag: Flag, what: &str| {
        let missing = || Usage::error(format!("need {what} (provide one with -{})", flag.name));
        call.flags.text(flag).ok_or_else(missing)
    };
    let certificate = named(catalog::CA, "a CA certificate")?;
    let key = named(catalog::CA_KEY, "a CA key")?;
    let issuer = Issuer::new(input::read_certificate(certificate)?, input::read_key(key)?);
    let issuer = issuer.with_context(|| format!("-ca {certificate}, -ca-key {key}"))?;
    // Before a key is made in vain.
    check_issuer(issuer.certificate(), OffsetDateTime::now_utc())
        .with_context(|| certificate.to_owned())?;
    Ok(issuer)
}

/// Where `-db-config` wants what is signed recorded.
pub(super) struct Record(Option<Arc<dyn Database>>);

impl Record {
    /// Opened before anything is signed, so that nothing stays unrecorded.
    pub fn open(call: &Call<'_>) -> anyhow::Result<Self> {
        match call.flags.text(catalog::DB_CONFIG) {
            Some(file) => {
                let opening = async { Ok(database::open(file.as_ref()).await?) };
                Ok(Self(Some(block_on(opening)?)))
            }
            None => Ok(Self(None)),
        }
    }

    pub fn insert(&self, certificate: &str, label: &str) -> anyhow::Result<()> {
        let Some(database) = &self.0 else { return Ok(()) };
        let certificate = Certificate::from_pem(certificate).context("what was signed")?;
        let now = OffsetDateTime::now_utc();
        let record = CertificateRecord::issued(&certificate, label, Value::Null, now);
        let inserting = async { Ok(database.insert(record).await?) };
        block_on(inserting).context("the certificate was signed but could not be recorded")
    }
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
