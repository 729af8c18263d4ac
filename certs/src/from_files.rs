//! TLS configurations that follow their files: certificates, keys, authorities and revocation lists
//! may be replaced under a running process, and the next handshake uses them.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::clients::{Allowed, ClientVerifier};
use crate::cluster::Bundle;
use crate::error::Error;
use crate::files::Pair;
use crate::live::RevocationFile;
use crate::protocol::Protocol;
use crate::tls::{ClientAuth, chain, key, roots};
use crate::watched::Watched;

/// Where the authorities of the system lie, by distribution. The first that is there counts.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A certificate with its key, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Which of the certificates in a file of authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Each of them.
    All(PathBuf),
    /// Those that issued no other one in it: an intermediate, and not what stands above it.
    Signers(PathBuf),
}

impl Default for Authorities {
    fn default() -> Self {
        Self::All(PathBuf::new())
    }
}

impl Authorities {
    fn path(&self) -> &Path {
        match self {
            Self::All(path) | Self::Signers(path) => path,
        }
    }

    fn read(&self) -> Result<RootCertStore, Error> {
        match self {
            Self::All(path) => bundle(path),
            Self::Signers(path) => signers(path),
        }
    }
}

/// Who may connect to a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// The bundle that signs clients.
    pub authorities: Authorities,
    pub revoked: Option<RevocationFile>,
    pub allowed: Allowed,
    pub demand: ClientAuth,
}

/// Whom a client believes that it talks to whom it meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those in this file.
    Authorities(Authorities),
    /// Those of the system.
    System,
    /// Whoever answers: for certificates that peers made themselves.
    Anyone,
}

/// A listener's configuration that follows its files.
pub struct ServerFiles(Watched<ServerConfig>);

impl ServerFiles {
    /// `clients` `None` asks clients for no certificate. `purpose` names the listener in logs.
    pub fn open(
        purpose: &'static str,
        pair: PairFiles,
        clients: Option<ClientFiles>,
        protocol: Protocol,
        alpn: &[&str],
    ) -> Result<Arc<Self>, Error> {
        let mut paths = vec![pair.certificate.clone(), pair.key.clone()];
        if let Some(clients) = &clients {
            paths.push(clients.authorities.path().to_owned());
            paths.extend(clients.revoked.iter().map(|file| file.path().to_owned()));
        }
        let alpn: Vec<Vec<u8>> = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let build = move || {
            let mut config = server(&pair, clients.as_ref(), &protocol)?;
            config.alpn_protocols.clone_from(&alpn);
            Ok(Arc::new(config))
        };
        Ok(Arc::new(Self(Watched::new(purpose, paths, build)?)))
    }

    /// For the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.current()
    }

    #[cfg(test)]
    pub(crate) fn at(&self, now: std::time::Instant) -> Arc<ServerConfig> {
        self.0.at(now)
    }
}

/// A client's configuration that follows its files.
pub struct ClientConfigFiles(Watched<ClientConfig>);

impl ClientConfigFiles {
    /// Presents `pair` to those who ask, and trusts as told.
    pub fn open(
        purpose: &'static str,
        pair: Option<PairFiles>,
        trust: Trust,
        protocol: Protocol,
    ) -> Result<Arc<Self>, Error> {
        let mut paths = Vec::new();
        if let Some(pair) = &pair {
            paths.extend([pair.certificate.clone(), pair.key.clone()]);
        }
        if let Trust::Authorities(authorities) = &trust {
            paths.push(authorities.path().to_owned());
        }
        let build = move || Ok(Arc::new(client(pair.as_ref(), &trust, &protocol)?));
        Ok(Arc::new(Self(Watched::new(purpose, paths, build)?)))
    }

    /// For the next connection.
    pub fn current(&self) -> Arc<ClientConfig> {
        self.0.current()
    }
}

fn server(
    pair: &PairFiles,
    clients: Option<&ClientFiles>,
    protocol: &Protocol,
) -> Result<ServerConfig, Error> {
    let refuse = |reason: String| Error::Tls { purpose: "a listener", reason };
    let builder = ServerConfig::builder_with_provider(protocol.provider())
        .with_protocol_versions(protocol.versions())
        .map_err(|error| refuse(error.to_string()))?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let roots = Arc::new(clients.authorities.read()?);
            let chain = WebPkiClientVerifier::builder_with_provider(roots, protocol.provider());
            let chain = match clients.demand {
                ClientAuth::Required => chain,
                ClientAuth::Optional => chain.allow_unauthenticated(),
            };
            let chain = chain.build().map_err(|error| refuse(error.to_string()))?;
            let revoked = clients.revoked.as_ref().map(RevocationFile::read).transpose()?;
            let revoked = revoked.unwrap_or_default();
            let allowed = clients.allowed.clone();
            builder.with_client_cert_verifier(Arc::new(ClientVerifier { chain, allowed, revoked }))
        }
    };
    let read = read_pair(pair)?;
    let mut config = builder
        .with_single_cert(chain(&read)?, key(&read)?)
        .map_err(|error| unusable(pair, &error))?;
    if clients.is_some() {
        // A resumed session is not verified anew: who was revoked or has expired would come in.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn client(
    pair: Option<&PairFiles>,
    trust: &Trust,
    protocol: &Protocol,
) -> Result<ClientConfig, Error> {
    let refuse = |reason: String| Error::Tls { purpose: "a client", reason };
    let builder = ClientConfig::builder_with_provider(protocol.provider())
        .with_protocol_versions(protocol.versions())
        .map_err(|error| refuse(error.to_string()))?;
    let builder = match trust {
        Trust::Authorities(authorities) => builder.with_root_certificates(authorities.read()?),
        Trust::System => builder.with_root_certificates(system_bundle()),
        Trust::Anyone => {
            let schemes = protocol.provider().signature_verification_algorithms;
            let verifier = Arc::new(Believing(schemes));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    match pair {
        None => Ok(builder.with_no_client_auth()),
        Some(pair) => {
            let read = read_pair(pair)?;
            builder
                .with_client_auth_cert(chain(&read)?, key(&read)?)
                .map_err(|error| unusable(pair, &error))
        }
    }
}

/// Words what rustls says of a pair: the files tell more than the purpose.
fn unusable(pair: &PairFiles, error: &rustls::Error) -> Error {
    let (certificate, key) = (pair.certificate.clone(), pair.key.clone());
    match error {
        rustls::Error::InconsistentKeys(_) => Error::KeyMismatch { certificate, key },
        other => Error::Malformed {
            path: certificate,
            expected: "usable certificate",
            reason: other.to_string(),
        },
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn read_text(path: &Path, expected: &'static str) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        expected,
        reason: error.to_string(),
    })
}

fn read_pair(files: &PairFiles) -> Result<Pair, Error> {
    let pair = Pair {
        certificate: read_text(&files.certificate, "certificate")?,
        key: read_text(&files.key, "private key")?,
    };
    let malformed = |path: &Path, expected, reason| Error::Malformed {
        path: path.to_owned(),
        expected,
        reason,
    };
    if chain(&pair)?.is_empty() {
        let reason = "it has no BEGIN CERTIFICATE".to_owned();
        return Err(malformed(&files.certificate, "certificate", reason));
    }
    key(&pair).map_err(|error| malformed(&files.key, "private key", error.to_string()))?;
    warn_of_open_key(&files.key);
    Ok(pair)
}

/// A key that every user of the machine can read is no secret.
fn warn_of_open_key(path: &Path) {
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o004 != 0 {
        tracing::warn!(
            "private key {} can be read by every user of this machine: chmod o-r it",
            path.display()
        );
    }
}

/// Reads a bundle of authorities, which must hold at least one.
fn bundle(path: &Path) -> Result<RootCertStore, Error> {
    let malformed = |reason| Error::Malformed {
        path: path.to_owned(),
        expected: "authority certificates",
        reason,
    };
    let store = roots(&read_text(path, "authority certificates")?)
        .map_err(|error| malformed(error.to_string()))?;
    if store.is_empty() {
        return Err(malformed("it has no BEGIN CERTIFICATE".to_owned()));
    }
    Ok(store)
}

/// Reads the authorities of a cluster.
fn signers(path: &Path) -> Result<RootCertStore, Error> {
    let malformed = |reason| Error::Malformed {
        path: path.to_owned(),
        expected: "authority certificates",
        reason,
    };
    let Some(bundle) = Bundle::read(path)? else {
        return Err(Error::Read { path: path.to_owned(), source: ErrorKind::NotFound.into() });
    };
    let mut store = RootCertStore::empty();
    for certificate in bundle.signers() {
        let added = store.add(certificate.der().to_vec().into());
        added.map_err(|error| malformed(error.to_string()))?;
    }
    Ok(store)
}

/// The system's authorities; one that cannot be read is left out, as everywhere.
fn system_bundle() -> RootCertStore {
    use rustls_pki_types::pem::PemObject;
    let mut store = RootCertStore::empty();
    let found = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read(path).ok());
    let certificates = found.unwrap_or_default();
    store.add_parsable_certificates(
        CertificateDer::pem_slice_iter(&certificates).filter_map(Result::ok),
    );
    store
}

/// Takes any server, but still demands that it holds the key of what it presents.
#[derive(Debug)]
struct Believing(rustls::crypto::WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
