//! Requests to kubelets.

use std::sync::Arc;
use std::time::Duration;

use api::Status;
use certs::LiveClient;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Time until a kubelet has accepted the connection and answered the head of the response.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection per request: log streams last long, and there is nothing to pool.
#[derive(Clone, Default)]
pub struct KubeletClient {
    tls: Option<LiveClient>,
}

impl KubeletClient {
    pub fn new(tls: Option<LiveClient>) -> Self {
        Self { tls }
    }

    /// GETs a path of the kubelet at `host:port`. The body streams until either side ends it.
    pub async fn get(
        &self,
        host: &str,
        port: u16,
        path_and_query: &str,
    ) -> Result<Response<Incoming>, Status> {
        let Some(tls) = &self.tls else {
            return Err(Status::unavailable(
                "this apiserver has no client certificate for kubelets",
            ));
        };
        let work = send(tls.current(), host, port, path_and_query);
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Status::internal(format!(
                "Get \"https://{host}:{port}{path_and_query}\": {error}"
            ))),
            Err(_) => Err(Status::internal(format!(
                "Get \"https://{host}:{port}{path_and_query}\": the kubelet did not answer in time"
            ))),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("{0} is no valid host")]
    Host(String),
    #[error("TLS handshake failed: {0}")]
    Handshake(std::io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("cannot build the request: {0}")]
    Request(#[from] http::Error),
}

async fn send(
    tls: Arc<rustls::ClientConfig>,
    host: &str,
    port: u16,
    path_and_query: &str,
) -> Result<Response<Incoming>, Error> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Host(host.to_owned()))?;
    let stream = TcpStream::connect((host, port)).await.map_err(Error::Connect)?;
    let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(Error::Handshake)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<bytes::Bytes>>(TokioIo::new(stream))
            .await?;
    // Ends with the response body: hyper closes the connection when both halves are dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to a kubelet ended");
        }
    });
    let host_header =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let request = Request::get(path_and_query)
        .header(http::header::HOST, host_header)
        .header(http::header::CONNECTION, "close")
        .body(Empty::new())?;
    Ok(sender.send_request(request).await?)
}
