//! The certificates that a live listener shows.

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use certs::x509::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

/// As in CFSSL.
const PATIENCE: Duration = Duration::from_secs(10);
const PORT: u16 = 443;

/// Where to connect, and whom to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    name: String,
    host: String,
    port: u16,
}

impl Endpoint {
    /// `domain` is a host or host:port; `ip` is where it is reached, if not by its name.
    pub fn parse(domain: &str, ip: Option<&str>) -> Self {
        let (host, port) = match domain.rsplit_once(':') {
            // An IPv6 address without brackets has more colons.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().ok())
            }
            _ => (domain, None),
        };
        let (host, port) = match port {
            Some(port) => (host, port),
            None => (domain, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { host: ip.map_or_else(|| host.clone(), str::to_owned), name: host, port }
    }
}

/// All that the listener shows, leaf first. Nothing of it is verified: it is to be looked at.
pub(crate) fn presented_by(endpoint: &Endpoint) -> anyhow::Result<Vec<Certificate>> {
    let Endpoint { name, host, port } = endpoint;
    let reading = || format!("cannot take the certificate of {name} from {host} port {port}");
    let taken = Arc::new(Onlooker::new());
    connect(endpoint, Arc::clone(&taken)).with_context(reading)?;
    let shown = taken.shown.lock().map(|shown| shown.clone()).unwrap_or_default();
    if shown.is_empty() {
        bail!("{}: the handshake ended before it showed one", reading());
    }
    shown.iter().map(|der| Certificate::from_der(der).with_context(reading)).collect()
}

fn connect(endpoint: &Endpoint, verifier: Arc<Onlooker>) -> anyhow::Result<()> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(endpoint.name.clone())?;
    let mut client = ClientConnection::new(Arc::new(config), name)?;
    let address = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?.next();
    let address = address.context("the name has no address")?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    while client.is_handshaking() {
        let done = client.complete_io(&mut socket);
        // A listener that wants a client certificate breaks off after it has shown its own.
        let shown = verifier.shown.lock().is_ok_and(|shown| !shown.is_empty());
        match done {
            Err(_) if shown => return Ok(()),
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
    }
    client.send_close_notify();
    let _ = client.write_tls(&mut socket).and_then(|_| socket.flush());
    Ok(())
}

fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

/// Keeps what is shown and takes everything.
#[derive(Debug)]
struct Onlooker {
    shown: Mutex<Vec<CertificateDer<'static>>>,
    schemes: Vec<SignatureScheme>,
}

impl Onlooker {
    fn new() -> Self {
        let schemes = provider().signature_verification_algorithms.supported_schemes();
        Self { shown: Mutex::default(), schemes }
    }
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut shown) = self.shown.lock() {
            *shown = std::iter::once(end_entity)
                .chain(intermediates)
                .map(|certificate| certificate.clone().into_owned())
                .collect();
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_with_and_without_ports() {
        let rows = [
            ("a.example", None, ("a.example", "a.example", 443)),
            ("a.example:8443", None, ("a.example", "a.example", 8443)),
            ("[::1]:8443", None, ("::1", "::1", 8443)),
            ("::1", None, ("::1", "::1", 443)),
            ("a.example", Some("10.0.0.1"), ("a.example", "10.0.0.1", 443)),
        ];
        for (domain, ip, (name, host, port)) in rows {
            let expected = Endpoint { name: name.into(), host: host.into(), port };
            assert_eq!(Endpoint::parse(domain, ip), expected, "{domain}");
        }
    }
}
