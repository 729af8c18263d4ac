//! Where answers come from: prepared ones, or ones that are signed when they are asked for.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{
    Answer, CertificateId, CertificateStatus, Hash, OcspRequest, OcspResponse, Refusal, Responder,
    Serial,
};
use time::{Duration, OffsetDateTime};

use crate::database::{CertificateRecord, Database, DatabaseError, Key, ResponseRecord, Status};

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read {path} (-responses): {source}")]
    Read { path: std::path::PathBuf, source: std::io::Error },
    #[error("{path} (-responses) holds no OCSP response that can be read")]
    Empty { path: std::path::PathBuf },
}

pub enum Source {
    /// Of a file, one base64 answer between blanks, as `ocspdump` prints them; by serial number.
    Prepared(HashMap<Serial, Vec<u8>>),
    /// Those that `ocsprefresh` put into the database.
    Kept(Arc<dyn Database>),
    /// Signed anew for each request, with its nonce, from the certificates in the database.
    Live(Box<Live>),
}

pub struct Live {
    pub database: Arc<dyn Database>,
    pub responder: Responder,
    /// How long an answer holds.
    pub interval: Duration,
}

impl Source {
    /// Lines that are no answer are skipped with a warning, as CFSSL does.
    pub fn from_file(path: &Path) -> Result<Self, SourceError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SourceError::Read { path: path.to_owned(), source })?;
        let mut prepared = HashMap::new();
        for (position, word) in text.split_whitespace().enumerate() {
            let read = STANDARD.decode(word).map_err(|error| error.to_string()).and_then(|der| {
                match OcspResponse::from_der(&der) {
                    Ok(response) => Ok((response.id.serial, der)),
                    Err(error) => Err(error.to_string()),
                }
            });
            match read {
                Ok((serial, der)) => _ = prepared.insert(serial, der),
                Err(error) => crate::log::error!(
                    "{}: answer {} is skipped: {error}",
                    path.display(),
                    position + 1
                ),
            }
        }
        if prepared.is_empty() {
            return Err(SourceError::Empty { path: path.to_owned() });
        }
        crate::log::info!("Read {} OCSP responses", prepared.len());
        Ok(Self::Prepared(prepared))
    }

    /// The answer to `request` at `now`, or why there is none.
    pub async fn answer(
        &self,
        request: &OcspRequest,
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, Refusal> {
        // Prepared answers are about one certificate each.
        let first = &request.ids[0];
        match self {
            Self::Prepared(prepared) => {
                prepared.get(&first.serial).cloned().ok_or(Refusal::Unauthorized)
            }
            Self::Kept(database) => kept(&**database, first).await,
            Self::Live(live) => live.answer(request, now).await,
        }
    }
}

/// The database goes by the key identifier of the issuer, which is the SHA-1 of its key where it
/// was not made otherwise.
async fn kept(database: &dyn Database, id: &CertificateId) -> Result<Vec<u8>, Refusal> {
    if id.hash != Hash::Sha1 {
        return Err(Refusal::Unauthorized);
    }
    let key = Key { aki: hex(&id.issuer_key_hash), serial: id.serial.to_string() };
    let found = database.find_response(&key).await.map_err(|error| unwell(&error))?;
    found.map(|record| record.body).ok_or(Refusal::Unauthorized)
}

fn unwell(error: &DatabaseError) -> Refusal {
    crate::log::error!("{error}");
    Refusal::InternalError
}

impl Live {
    async fn answer(&self, request: &OcspRequest, now: OffsetDateTime) -> Result<Vec<u8>, Refusal> {
        let issuer = self.responder.issuer();
        let aki = hex(issuer.subject_key_id().unwrap_or_default());
        let mut answers = Vec::with_capacity(request.ids.len());
        for id in &request.ids {
            if !id.is_issued_by(issuer) {
                return Err(Refusal::Unauthorized);
            }
            let key = Key { aki: aki.clone(), serial: id.serial.to_string() };
            let found = self.database.find(&key).await.map_err(|error| unwell(&error))?;
            let status = found.as_ref().map_or(CertificateStatus::Unknown, status_of);
            let next_update = now + self.interval;
            answers.push(Answer { id: id.clone(), status, this_update: now, next_update });
        }
        self.responder.sign(&answers, request.nonce.as_deref(), now).map_err(|error| {
            crate::log::error!("{error}");
            Refusal::InternalError
        })
    }
}

pub fn status_of(record: &CertificateRecord) -> CertificateStatus {
    match (record.status, record.revoked_at) {
        (Status::Good, _) => CertificateStatus::Good,
        (Status::Unknown, _) => CertificateStatus::Unknown,
        (Status::Revoked, at) => CertificateStatus::Revoked {
            // A record from elsewhere may lack the time: revoked since it was issued, then.
            at: at.or(record.issued_at).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            reason: record.reason,
        },
    }
}

/// The answer about one record that can be kept: without a nonce, from the hour on, as CFSSL's.
pub fn prepare(
    responder: &Responder,
    record: &CertificateRecord,
    serial: Serial,
    interval: Duration,
    now: OffsetDateTime,
) -> Result<ResponseRecord, certs::x509::OcspError> {
    let id = CertificateId::new(Hash::Sha1, responder.issuer(), serial);
    let this_update = hour(now);
    let next_update = this_update + interval;
    let answer = Answer { id, status: status_of(record), this_update, next_update };
    let body = responder.sign(&[answer], None, now)?;
    Ok(ResponseRecord { key: record.key.clone(), body, expiry: next_update })
}

/// The start of the hour.
pub fn hour(now: OffsetDateTime) -> OffsetDateTime {
    now.replace_time(time::Time::from_hms(now.hour(), 0, 0).expect("an hour of a time is one"))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
