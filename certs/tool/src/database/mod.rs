//! The certificates database: what was issued, what of it is revoked, and answers about it.
//!
//! Two places to keep it: a file, and a store that speaks etcd v3. Records have the fields of
//! CFSSL's tables. Several processes may use one database at a time, as a server and a `revoke`
//! beside it do.

mod config;
mod error;
mod etcd;
mod file;
mod record;
#[cfg(test)]
mod suite_test;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use certs::x509::{Certificate, Reason};
use time::OffsetDateTime;

use crate::command::Call;
use crate::failure::Usage;
use crate::flag::catalog;
use crate::ocsp::hex;

pub use config::DatabaseConfig;
pub use error::DatabaseError;
pub use etcd::EtcdDatabase;
pub use file::FileDatabase;
pub use record::{CertificateRecord, ResponseRecord, Status};

/// Which certificate: CFSSL's key, a decimal serial number and the issuer's key identifier in hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Key {
    #[serde(rename = "authority_key_identifier")]
    pub aki: String,
    #[serde(rename = "serial_number")]
    pub serial: String,
}

/// Which certificates of all.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    pub unexpired_at: OffsetDateTime,
    pub revoked_only: bool,
}

impl Filter {
    fn takes(&self, record: &CertificateRecord) -> bool {
        record.expiry > self.unexpired_at
            && (!self.revoked_only || record.status == Status::Revoked)
    }
}

#[async_trait]
pub trait Database: Send + Sync {
    /// Durable when it returns. A record that is there already is refused.
    async fn insert(&self, record: CertificateRecord) -> Result<(), DatabaseError>;

    async fn find(&self, key: &Key) -> Result<Option<CertificateRecord>, DatabaseError>;

    /// In the order of their keys.
    async fn list(&self, filter: Filter) -> Result<Vec<CertificateRecord>, DatabaseError>;

    /// Durable when it returns. Who is revoked already keeps the time since when, and gets the new
    /// reason.
    async fn revoke(
        &self,
        key: &Key,
        reason: Reason,
        at: OffsetDateTime,
    ) -> Result<(), DatabaseError>;

    /// Keeps a signed OCSP answer in place of the one before.
    async fn put_response(&self, record: ResponseRecord) -> Result<(), DatabaseError>;

    async fn find_response(&self, key: &Key) -> Result<Option<ResponseRecord>, DatabaseError>;

    /// Those that still hold.
    async fn list_responses(
        &self,
        unexpired_at: OffsetDateTime,
    ) -> Result<Vec<ResponseRecord>, DatabaseError>;
}

/// Opens the database that the file at `path` (the flag `-db-config`) describes.
pub async fn open(path: &Path) -> Result<Arc<dyn Database>, DatabaseError> {
    Ok(match DatabaseConfig::read(path)? {
        DatabaseConfig::File { data_source } => Arc::new(FileDatabase::open(&data_source)?),
        DatabaseConfig::Etcd(config) => Arc::new(EtcdDatabase::connect(&config).await?),
    })
}

impl Key {
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            aki: hex(certificate.authority_key_id().unwrap_or_default()),
            serial: certificate.serial().to_string(),
        }
    }
}

impl Call<'_> {
    /// The database that `-db-config` names; for commands that need one.
    pub async fn database(&self) -> anyhow::Result<Arc<dyn Database>> {
        let path = self.flags.text(catalog::DB_CONFIG);
        let missing = || Usage::error("need DB config file (provide with -db-config)");
        Ok(open(path.ok_or_else(missing)?.as_ref()).await?)
    }
}
