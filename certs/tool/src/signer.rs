//! Signs what is asked: here, or where the profile says, and records what was signed here.

use std::sync::Arc;

use certs::x509::Issuer;
use time::OffsetDateTime;

use crate::config::{Profile, SigningConfig, UnknownProfile};
use crate::database::{CertificateRecord, Database, DatabaseError};
use crate::failure::Usage;
use crate::flag::{Flags, catalog};
use crate::input;
use crate::remote::{AuthKey, Info, Remote, RemoteError, RemoteFiles};
use crate::sign::{Refusal, SignRequest, sign};

#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Then the certificate is not handed out: nobody could revoke it.
    #[error("the certificate could not be recorded: {0}")]
    Database(#[from] DatabaseError),
    #[error("the profile {profile:?} signs here, and no key is here: -ca and -ca-key name it")]
    NoKey { profile: String },
}

/// Who signs, by which rules.
pub(crate) struct Signer {
    pub config: SigningConfig,
    pub issuer: Option<Arc<Issuer>>,
    /// Where everything is signed, whatever the profiles say: `-remote`.
    pub remote: Option<String>,
    /// The TLS towards remote servers.
    pub remote_files: RemoteFiles,
    pub database: Option<Arc<dyn Database>>,
}

impl Default for Signer {
    /// Nobody who signs.
    fn default() -> Self {
        Self {
            config: SigningConfig::built_in(),
            issuer: None,
            remote: None,
            remote_files: RemoteFiles::default(),
            database: None,
        }
    }
}

impl Signer {
    /// As `-ca`, `-ca-key`, `-config`, `-remote` and its TLS say. Without `-config` everything is
    /// signed by the built-in profile.
    pub fn from_flags(flags: &Flags, database: Option<Arc<dyn Database>>) -> anyhow::Result<Self> {
        let config = match flags.text(catalog::CONFIG) {
            Some(file) => SigningConfig::read(&input::read_json(file)?)?,
            None => SigningConfig::built_in(),
        };
        let issuer = match (flags.text(catalog::CA), flags.text(catalog::CA_KEY)) {
            (Some(certificate), Some(key)) => Some(Arc::new(input::read_issuer(certificate, key)?)),
            (None, Some(_)) => return Err(Usage::error("-ca-key needs -ca beside it")),
            // `-ca` alone belongs to an OCSP responder.
            (_, None) => None,
        };
        let remote_files = RemoteFiles::from_flags(flags);
        let remote = flags.text(catalog::REMOTE).map(str::to_owned);
        if let Some(remote) = &remote {
            // Mistakes are told now, not at the first request.
            Remote::new(remote, &remote_files)?;
        }
        Ok(Self { config, issuer, remote, remote_files, database })
    }

    /// Whether there is anybody to sign; the reason if not.
    pub fn check(&self) -> Result<(), String> {
        let profiles = || self.profiles().filter(|profile| profile.remote.is_none());
        match (&self.remote, &self.issuer) {
            (None, None) if profiles().next().is_some() => {
                Err("signer not initialized (-ca and -ca-key, or -remote)".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The default one first.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        std::iter::once(&self.config.default).chain(self.config.profiles.values())
    }

    /// A server elsewhere has profiles of its own: one that is not known here may be there.
    pub fn profile(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        match self.config.profile(name) {
            Err(_) if self.remote.is_some() => Ok(&self.config.default),
            found => found,
        }
    }

    /// The certificate in PEM. What is signed here is in the database when this returns.
    pub async fn sign(&self, ask: &SignRequest, now: OffsetDateTime) -> Result<String, SignError> {
        let profile = self.profile(&ask.profile).map_err(Refusal::from)?;
        if let Some((remote, key)) = self.elsewhere(profile)? {
            return Ok(remote.sign(&ask.to_json(), key, now).await?);
        }
        let issuer = self.issuer(profile)?;
        let certificate = sign(ask, &self.config, issuer, now)?;
        if let Some(database) = &self.database {
            let metadata = ask.metadata.clone();
            let record = CertificateRecord::issued(&certificate, &ask.label, metadata, now);
            database.insert(record).await?;
        }
        Ok(certificate.to_pem())
    }

    /// What CFSSL's `info` tells of a profile.
    pub async fn info(&self, label: &str, profile: &str) -> Result<Info, SignError> {
        let found = self.profile(profile).map_err(Refusal::from)?;
        if let Some((remote, _)) = self.elsewhere(found)? {
            return Ok(remote.info(label, profile).await?);
        }
        Ok(Info {
            certificate: self.issuer(found)?.certificate().to_pem().trim_end().to_owned(),
            usages: Some(found.usages.clone()),
            expiry: found.expiry_text.clone(),
        })
    }

    fn issuer(&self, profile: &Profile) -> Result<&Issuer, SignError> {
        let missing = || SignError::NoKey { profile: profile.name.clone() };
        self.issuer.as_deref().ok_or_else(missing)
    }

    /// Who signs instead of us, and with which key we prove who asks.
    fn elsewhere<'a>(
        &self,
        profile: &'a Profile,
    ) -> Result<Option<(Remote, Option<&'a AuthKey>)>, RemoteError> {
        let own = profile.remote.as_ref();
        let Some(address) = self.remote.as_ref().or(own.map(|remote| &remote.address)) else {
            return Ok(None);
        };
        let key = own.and_then(|remote| remote.key.as_ref()).or(profile.auth_key.as_ref());
        Ok(Some((Remote::new(address, &self.remote_files)?, key)))
    }
}
