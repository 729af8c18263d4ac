//! CFSSL's API from the side of the client.

use std::path::PathBuf;
use std::sync::Arc;

use certs::{Authorities, ClientConfigFiles, PairFiles, Protocol, TlsVersion, Trust};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Address, AddressError, AuthKey, AuthenticatedRequest, http};
use crate::flag::{Flags, catalog};

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("-remote: {0}")]
    Address(#[from] AddressError),
    #[error("-mutual-tls-client-cert and -mutual-tls-client-key go together: name both")]
    HalfIdentity,
    #[error("the TLS towards the remote CA server")]
    Tls(#[source] certs::Error),
    #[error("cannot ask the CA server at {address}: {reason}")]
    Unreachable { address: Address, reason: String },
    #[error("the CA server at {address} refused: {message} (code {code})")]
    Refused { address: Address, code: i64, message: String },
    #[error("the answer of the CA server at {address} is none of CFSSL's API: {reason}")]
    Answer { address: Address, reason: String },
}

/// What a server tells of one of its profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    pub certificate: String,
    /// `null` where the profile has none.
    pub usages: Option<Vec<String>>,
    #[serde(default)]
    pub expiry: String,
}

/// One or more CA servers that do the same; who answers first in their order counts.
#[derive(Clone)]
pub struct Remote {
    addresses: Vec<Address>,
    tls: Arc<ClientConfig>,
}

/// Flags of the TLS towards remote servers.
#[derive(Clone, Debug, Default)]
pub struct RemoteFiles {
    /// `-tls-remote-ca`; the system's without one.
    pub authorities: Option<PathBuf>,
    /// `-mutual-tls-client-cert`
    pub certificate: Option<PathBuf>,
    /// `-mutual-tls-client-key`
    pub key: Option<PathBuf>,
}

impl RemoteFiles {
    pub(crate) fn from_flags(flags: &Flags) -> Self {
        let path = |flag| flags.text(flag).map(PathBuf::from);
        Self {
            authorities: path(catalog::TLS_REMOTE_CA),
            certificate: path(catalog::MUTUAL_TLS_CLIENT_CERT),
            key: path(catalog::MUTUAL_TLS_CLIENT_KEY),
        }
    }
}

impl Remote {
    /// `addresses` has commas between several.
    pub fn new(addresses: &str, files: &RemoteFiles) -> Result<Self, RemoteError> {
        let addresses = Address::parse_list(addresses)?;
        let pair = match (&files.certificate, &files.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(PairFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => return Err(RemoteError::HalfIdentity),
        };
        let authorities = files.authorities.clone().map(Authorities::All);
        let trust = authorities.map_or(Trust::System, Trust::Authorities);
        let protocol = Protocol::new(TlsVersion::Tls12, None, &[]).map_err(RemoteError::Tls)?;
        let tls = ClientConfigFiles::open("the remote CA server", pair, trust, protocol)
            .map_err(RemoteError::Tls)?;
        Ok(Self { addresses, tls: tls.current() })
    }

    /// Has `request` (the JSON of CFSSL's sign endpoint) signed; with a key at `authsign`, which
    /// asks for one. Answers the certificate's PEM.
    pub async fn sign(
        &self,
        request: &Value,
        key: Option<&AuthKey>,
        now: OffsetDateTime,
    ) -> Result<String, RemoteError> {
        let request = request.to_string().into_bytes();
        let (endpoint, body) = match key {
            None => ("sign", request),
            Some(key) => ("authsign", authenticated(request, key, now)),
        };
        self.first(endpoint, body, |result| match result.get("certificate") {
            Some(Value::String(certificate)) if !certificate.is_empty() => Ok(certificate.clone()),
            _ => Err("the result has no \"certificate\"".to_owned()),
        })
        .await
    }

    pub async fn info(&self, label: &str, profile: &str) -> Result<Info, RemoteError> {
        let body = json!({"label": label, "profile": profile}).to_string().into_bytes();
        self.first("info", body, |result| {
            serde_json::from_value(result).map_err(|error| error.to_string())
        })
        .await
    }

    /// The first that `read` can make something of; of errors the last.
    async fn first<T>(
        &self,
        endpoint: &str,
        body: Vec<u8>,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<T, RemoteError> {
        let path = format!("/api/v1/cfssl/{endpoint}");
        let mut last = None;
        for address in &self.addresses {
            match self.ask(address, &path, body.clone()).await {
                Ok(result) => match read(result) {
                    Ok(read) => return Ok(read),
                    Err(reason) => {
                        last = Some(RemoteError::Answer { address: address.clone(), reason });
                    }
                },
                Err(error) => last = Some(error),
            }
            if let Some(error) = &last {
                crate::log::debug!("{error}");
            }
        }
        Err(last.expect("a list of addresses has at least one"))
    }

    async fn ask(
        &self,
        address: &Address,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Value, RemoteError> {
        let address = address.clone();
        let (status, body) = match http::post(&address, &self.tls, path, body).await {
            Ok(answer) => answer,
            Err(reason) => return Err(RemoteError::Unreachable { address, reason }),
        };
        let answer: Answer = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            Err(_) if !status.is_success() => {
                let (code, message) = (status.as_u16().into(), status.to_string());
                return Err(RemoteError::Refused { address, code, message });
            }
            Err(error) => {
                return Err(RemoteError::Answer { address, reason: error.to_string() });
            }
        };
        match (answer.success && status.is_success(), answer.result) {
            (true, Some(result)) => Ok(result),
            _ => {
                let first = answer.errors.unwrap_or_default().into_iter().next();
                let message = first.unwrap_or_default();
                let (code, message) = (message.code, message.message);
                Err(RemoteError::Refused { address, code, message })
            }
        }
    }
}

fn authenticated(request: Vec<u8>, key: &AuthKey, now: OffsetDateTime) -> Vec<u8> {
    let authenticated = AuthenticatedRequest {
        timestamp: now.unix_timestamp(),
        remote_address: Vec::new(),
        token: key.token(&request),
        request,
    };
    serde_json::to_vec(&authenticated).expect("strings and a number are JSON")
}

#[derive(Deserialize)]
struct Answer {
    success: bool,
    result: Option<Value>,
    errors: Option<Vec<Message>>,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}
