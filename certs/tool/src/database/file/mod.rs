//! The database as one file that is only appended to: a line of JSON for each change.
//!
//! A change is acknowledged once its line is on disk. What a crash leaves of a line that was not
//! is cut off by the next who writes. Each operation holds a lock on the file, and first reads what
//! other processes appended since the last. When most lines are of no use any more, the file is
//! written anew and renamed into place; who waits for the lock notices by the inode.

mod entry;
mod index;
mod log;

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use certs::x509::Reason;
use time::OffsetDateTime;

use self::entry::Entry;
use self::log::Log;
use super::{CertificateRecord, Database, DatabaseError, Filter, Key, ResponseRecord};

pub struct FileDatabase(Arc<Mutex<Log>>);

impl FileDatabase {
    /// Makes the file, readable by its owner alone, when it is not there. In a directory it is
    /// called `certificates.jsonl`.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self(Arc::new(Mutex::new(Log::open(path)?))))
    }

    /// Does what blocks where it may.
    async fn with_log<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Log) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let log = Arc::clone(&self.0);
        let working = tokio::task::spawn_blocking(move || {
            // A panic elsewhere leaves at worst an index that is read anew from the file.
            let mut log = log.lock().unwrap_or_else(|poisoned| {
                let mut log = poisoned.into_inner();
                log.forget();
                log
            });
            log.locked(work)
        });
        working.await.map_err(|_| DatabaseError::BrokenOff)?
    }
}

#[async_trait]
impl Database for FileDatabase {
    async fn insert(&self, record: CertificateRecord) -> Result<(), DatabaseError> {
        self.with_log(move |log| match log.index().certificates.contains_key(&record.key) {
            true => Err(DatabaseError::Exists(record.key)),
            false => log.append(Entry::Certificate(record)),
        })
        .await
    }

    async fn find(&self, key: &Key) -> Result<Option<CertificateRecord>, DatabaseError> {
        let key = key.clone();
        self.with_log(move |log| Ok(log.index().certificates.get(&key).cloned())).await
    }

    async fn list(&self, filter: Filter) -> Result<Vec<CertificateRecord>, DatabaseError> {
        self.with_log(move |log| {
            let all = log.index().certificates.values();
            Ok(all.filter(|record| filter.takes(record)).cloned().collect())
        })
        .await
    }

    async fn revoke(
        &self,
        key: &Key,
        reason: Reason,
        at: OffsetDateTime,
    ) -> Result<(), DatabaseError> {
        let key = key.clone();
        self.with_log(move |log| {
            let found = log.index().certificates.get(&key).cloned();
            let mut record = found.ok_or(DatabaseError::NotFound(key))?;
            record.revoke(reason, at);
            log.append(Entry::Certificate(record))
        })
        .await
    }

    async fn put_response(&self, record: ResponseRecord) -> Result<(), DatabaseError> {
        self.with_log(move |log| log.append(Entry::Response(record))).await
    }

    async fn find_response(&self, key: &Key) -> Result<Option<ResponseRecord>, DatabaseError> {
        let key = key.clone();
        self.with_log(move |log| Ok(log.index().responses.get(&key).cloned())).await
    }

    async fn list_responses(
        &self,
        unexpired_at: OffsetDateTime,
    ) -> Result<Vec<ResponseRecord>, DatabaseError> {
        self.with_log(move |log| {
            let all = log.index().responses.values();
            Ok(all.filter(|record| record.expiry > unexpired_at).cloned().collect())
        })
        .await
    }
}
