//! A small https client of the API: one connection, one request at a time, as many clients do.

use std::sync::Arc;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cluster::Cluster;

/// The administrator's TLS configuration, from the kubeconfig.
pub fn tls(cluster: &Cluster) -> anyhow::Result<Arc<ClientConfig>> {
    let text = std::fs::read_to_string(cluster.kubeconfig())?;
    let field = |name: &str| -> anyhow::Result<Vec<u8>> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        Ok(STANDARD.decode(line.with_context(|| format!("no {name} in the kubeconfig"))?.trim())?)
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&field("certificate-authority-data:")?)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(&field("client-certificate-data:")?)?],
            PrivateKeyDer::from_pem_slice(&field("client-key-data:")?)?,
        )?;
    Ok(Arc::new(config))
}

pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub async fn connect(host: &str, tls: Arc<ClientConfig>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // Its end is seen by the next request.
            let _ = connection.await;
        });
        Ok(Self { sender, host: host.to_owned() })
    }

    /// Sends one request and reads its answer to the end; gives the body's size in bytes.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<usize> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            size += frame?.data_ref().map_or(0, Bytes::len);
        }
        ensure!(status.is_success(), "{method} {path}: {status}");
        Ok(size)
    }
}
