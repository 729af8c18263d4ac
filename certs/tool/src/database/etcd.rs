//! The database in a store that speaks etcd v3: a key for each record, under a prefix.
//!
//! ```text
//! PREFIX/certificates/AUTHORITY-KEY-ID/SERIAL   the record as JSON
//! PREFIX/responses/AUTHORITY-KEY-ID/SERIAL      a signed OCSP answer
//! ```
//!
//! What is acknowledged is as durable as the store is: on disk of most members.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use certs::x509::Reason;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::{
    Compare, PutRequest, RangeRequest, RangeResponse, RequestOp, TxnRequest, request_op,
};
use store_proto::mvccpb::KeyValue;
use time::OffsetDateTime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::config::EtcdConfig;
use super::{CertificateRecord, Database, DatabaseError, Filter, Key, ResponseRecord};

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const REQUEST_PATIENCE: Duration = Duration::from_secs(30);

/// Records that are read at a time: some megabytes.
const PAGE: i64 = 500;

/// Times that a record is read again because somebody else changed it.
const MAX_TRIES: usize = 16;

pub struct EtcdDatabase {
    /// One for each endpoint; connections are made when they are needed, and again when they break.
    clients: Vec<KvClient<Channel>>,
    /// Which of them answered last.
    preferred: AtomicUsize,
    prefix: String,
    endpoints: String,
}

enum Put {
    Done,
    /// Somebody else was quicker.
    Changed,
    /// Somebody else was quicker, or we ourselves were, at a member that went away.
    Unclear,
}

/// A record, and the revision that a change of it must find.
struct Found<T> {
    record: T,
    revision: i64,
}

impl EtcdDatabase {
    /// Asks the store once, so that a wrong address or certificate is told at the start.
    pub async fn connect(config: &EtcdConfig) -> Result<Self, DatabaseError> {
        let endpoints = config.endpoints.join(",");
        let failed = |reason| DatabaseError::Store { endpoints: endpoints.clone(), reason };
        let connections = endpoints_of(config).map_err(failed)?;
        let client = |endpoint: &Endpoint| {
            KvClient::new(endpoint.connect_lazy()).max_decoding_message_size(usize::MAX)
        };
        let database = Self {
            clients: connections.iter().map(client).collect(),
            preferred: AtomicUsize::new(0),
            prefix: config.prefix.clone(),
            endpoints,
        };
        database.range(database.prefix.as_bytes(), &[]).await?;
        Ok(database)
    }

    fn key(&self, kind: &str, key: &Key) -> Vec<u8> {
        format!("{}/{kind}/{}/{}", self.prefix, key.aki, key.serial).into_bytes()
    }

    fn failed(&self, reason: impl std::fmt::Display) -> DatabaseError {
        DatabaseError::Store { endpoints: self.endpoints.clone(), reason: reason.to_string() }
    }

    /// Asks who answered last, and the others while nobody is there. `true` beside the answer: the
    /// request was sent more than once, and may have been done the first time.
    async fn ask<T, Answering>(
        &self,
        ask: impl Fn(KvClient<Channel>) -> Answering + Send,
    ) -> Result<(T, bool), DatabaseError>
    where
        Answering: Future<Output = Result<tonic::Response<T>, Status>> + Send,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut reason = String::new();
        for turn in 0..self.clients.len() {
            let position = (first + turn) % self.clients.len();
            match ask(self.clients[position].clone()).await {
                Ok(answer) => {
                    self.preferred.store(position, Ordering::Relaxed);
                    return Ok((answer.into_inner(), turn > 0));
                }
                Err(status) if is_absence(&status) => reason = status.message().to_owned(),
                Err(status) => return Err(self.failed(status.message())),
            }
        }
        Err(self.failed(reason))
    }

    async fn range(&self, key: &[u8], range_end: &[u8]) -> Result<RangeResponse, DatabaseError> {
        let request = RangeRequest {
            key: key.to_vec().into(),
            range_end: range_end.to_vec().into(),
            limit: PAGE,
            ..RangeRequest::default()
        };
        let asking = self.ask(|mut client| {
            let request = request.clone();
            async move { client.range(request).await }
        });
        Ok(asking.await?.0)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        key: &Key,
    ) -> Result<Option<Found<T>>, DatabaseError> {
        let answer = self.range(&self.key(kind, key), &[]).await?;
        answer.kvs.first().map(|kv| decode(kind, kv)).transpose()
    }

    /// Puts `record` while the key's last change is still that of `revision`; zero is a key that is
    /// not there.
    async fn put_at<T: Serialize>(
        &self,
        kind: &'static str,
        key: &Key,
        record: &T,
        revision: i64,
    ) -> Result<Put, DatabaseError> {
        let name = self.key(kind, key);
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: name.clone().into(),
            target_union: Some(TargetUnion::ModRevision(revision)),
            ..Compare::default()
        };
        let put = put(name, record);
        let success = vec![RequestOp { request: Some(request_op::Request::RequestPut(put)) }];
        let request = TxnRequest { compare: vec![compare], success, failure: vec![] };
        let (answer, repeated) = self
            .ask(|mut client| {
                let request = request.clone();
                async move { client.txn(request).await }
            })
            .await?;
        Ok(match (answer.succeeded, repeated) {
            (true, _) => Put::Done,
            (false, false) => Put::Changed,
            (false, true) => Put::Unclear,
        })
    }

    /// All records of a kind that `takes` takes, page by page.
    async fn all<T: DeserializeOwned>(
        &self,
        kind: &'static str,
        takes: impl Fn(&T) -> bool + Send,
    ) -> Result<Vec<T>, DatabaseError> {
        let mut start = format!("{}/{kind}/", self.prefix).into_bytes();
        // The slash's successor: every key that begins with the prefix is smaller.
        let end = format!("{}/{kind}0", self.prefix).into_bytes();
        let mut records = Vec::new();
        loop {
            let page = self.range(&start, &end).await?;
            for kv in &page.kvs {
                let record = decode(kind, kv)?.record;
                if takes(&record) {
                    records.push(record);
                }
            }
            match page.kvs.last() {
                Some(last) if page.more => start = [&last.key[..], b"\0"].concat(),
                _ => return Ok(records),
            }
        }
    }
}

/// Whether nobody answered: a member that says it is unavailable, or a connection that broke, which
/// has its cause with it.
fn is_absence(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

fn endpoints_of(config: &EtcdConfig) -> Result<Vec<Endpoint>, String> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let mut tls = ClientTlsConfig::new().with_enabled_roots();
    if let Some(path) = &config.ca {
        tls = tls.ca_certificate(Certificate::from_pem(read(path)?));
    }
    if let Some((certificate, key)) = &config.identity {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    let endpoint = |address: &String| {
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|error| format!("{address} is no address: {error}"))?
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(REQUEST_PATIENCE)
            .tcp_nodelay(true);
        if !address.starts_with("https://") {
            return Ok(endpoint);
        }
        endpoint.tls_config(tls.clone()).map_err(|error| format!("{address}: {error}"))
    };
    config.endpoints.iter().map(endpoint).collect()
}

fn put<T: Serialize>(key: Vec<u8>, record: &T) -> PutRequest {
    let value = serde_json::to_vec(record).expect("records have only keys that are strings");
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn decode<T: DeserializeOwned>(
    what: &'static str,
    kv: &KeyValue,
) -> Result<Found<T>, DatabaseError> {
    let record = serde_json::from_slice(&kv.value).map_err(|error| DatabaseError::Record {
        what,
        name: String::from_utf8_lossy(&kv.key).into_owned(),
        reason: error.to_string(),
    })?;
    Ok(Found { record, revision: kv.mod_revision })
}

const CERTIFICATES: &str = "certificates";
const RESPONSES: &str = "responses";

#[async_trait]
impl Database for EtcdDatabase {
    async fn insert(&self, record: CertificateRecord) -> Result<(), DatabaseError> {
        match self.put_at(CERTIFICATES, &record.key, &record, 0).await? {
            Put::Done => Ok(()),
            Put::Unclear if self.find(&record.key).await?.as_ref() == Some(&record) => Ok(()),
            Put::Changed | Put::Unclear => Err(DatabaseError::Exists(record.key)),
        }
    }

    async fn find(&self, key: &Key) -> Result<Option<CertificateRecord>, DatabaseError> {
        Ok(self.get(CERTIFICATES, key).await?.map(|found| found.record))
    }

    async fn list(&self, filter: Filter) -> Result<Vec<CertificateRecord>, DatabaseError> {
        self.all(CERTIFICATES, |record| filter.takes(record)).await
    }

    async fn revoke(
        &self,
        key: &Key,
        reason: Reason,
        at: OffsetDateTime,
    ) -> Result<(), DatabaseError> {
        for _ in 0..MAX_TRIES {
            let found = self.get::<CertificateRecord>(CERTIFICATES, key).await?;
            let mut found = found.ok_or_else(|| DatabaseError::NotFound(key.clone()))?;
            found.record.revoke(reason, at);
            match self.put_at(CERTIFICATES, key, &found.record, found.revision).await? {
                Put::Done => return Ok(()),
                // The next round finds what is there, and revokes it if it is not.
                Put::Changed | Put::Unclear => {}
            }
        }
        Err(DatabaseError::Contended { tries: MAX_TRIES })
    }

    async fn put_response(&self, record: ResponseRecord) -> Result<(), DatabaseError> {
        let request = put(self.key(RESPONSES, &record.key), &record);
        let asking = self.ask(|mut client| {
            let request = request.clone();
            async move { client.put(request).await }
        });
        asking.await.map(|_| ())
    }

    async fn find_response(&self, key: &Key) -> Result<Option<ResponseRecord>, DatabaseError> {
        Ok(self.get(RESPONSES, key).await?.map(|found| found.record))
    }

    async fn list_responses(
        &self,
        unexpired_at: OffsetDateTime,
    ) -> Result<Vec<ResponseRecord>, DatabaseError> {
        self.all(RESPONSES, |record: &ResponseRecord| record.expiry > unexpired_at).await
    }
}
