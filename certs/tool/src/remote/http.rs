//! One request over one connection: HTTP/1.1, with TLS or without.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Address;

const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// Time for the whole exchange: an RSA key of 8192 bits may be made meanwhile.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);

/// Largest answer that is read: a bundle with all its roots is far smaller.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Posts JSON and reads the answer, whatever its status. Says in a sentence why there is none.
pub async fn post(
    address: &Address,
    tls: &Arc<ClientConfig>,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Bytes), String> {
    let exchange = async {
        let connecting = TcpStream::connect((address.host.as_str(), address.port));
        let stream = tokio::time::timeout(CONNECT_PATIENCE, connecting)
            .await
            .map_err(|_| format!("no connection within {} seconds", CONNECT_PATIENCE.as_secs()))?
            .map_err(|error| error.to_string())?;
        if !address.https {
            return exchange(stream, address, path, body).await;
        }
        let name = ServerName::try_from(address.host.clone()).map_err(|error| error.to_string())?;
        let connecting = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        let stream = connecting.await.map_err(|error| format!("TLS: {error}"))?;
        exchange(stream, address, path, body).await
    };
    tokio::time::timeout(ANSWER_PATIENCE, exchange)
        .await
        .map_err(|_| format!("no answer within {} seconds", ANSWER_PATIENCE.as_secs()))?
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: &Address,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Bytes), String> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, address.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let answering = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    };
    // The connection is driven here, and ends with this function.
    tokio::pin!(connection);
    tokio::pin!(answering);
    tokio::select! {
        answer = &mut answering => answer,
        ended = &mut connection => match ended {
            Ok(()) => answering.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
