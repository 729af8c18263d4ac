//! Members over sockets: HTTP/2, with TLS where the cluster has it.
//!
//! Each member has two connections, so that a snapshot on its way delays no heartbeat. Both are
//! made when they are first needed, and again when they break. Rejected: tonic's own TLS, which
//! takes its certificates once and keeps them for good.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use store_proto::peer as pb;
use store_proto::peer::peer_client::PeerClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::card::Card;
use super::network::{Network, Peer, Responses};
use crate::config::ClientTls;

/// Limit on reaching one address, handshake included. etcd's dial timeout of peers is 1 s and the
/// election timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Largest message: appends of one entry of the largest request, and forwarded batches.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// What a stream may have unread: appends of 1 MiB are answered one by one, so a few of them.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Reaches members over sockets.
pub(crate) struct Sockets {
    /// `None` for clusters without TLS.
    pub tls: Option<ClientTls>,
    /// A connection on which nothing moves is asked for a sign of life this often, and given up if
    /// there is none for as long.
    pub keep_alive: Duration,
}

impl Network for Sockets {
    fn peer(&self, urls: &[String]) -> Arc<dyn Peer> {
        let client = || {
            let connector = Connector::new(urls, self.tls.clone());
            PeerClient::new(self.channel(connector))
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        };
        Arc::new(Remote { urls: urls.into(), calls: client(), snapshots: client() })
    }
}

impl Sockets {
    fn channel(&self, connector: Connector) -> Channel {
        // The connector knows the addresses; this one only has to be one.
        Endpoint::from_static("http://peer")
            .connect_timeout(CONNECT_TIMEOUT * connector.addresses.len().max(1) as u32)
            .http2_keep_alive_interval(self.keep_alive)
            .keep_alive_timeout(self.keep_alive)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_with_connector_lazy(connector)
    }
}

/// A member at the other end of two connections.
struct Remote {
    urls: Arc<[String]>,
    calls: PeerClient<Channel>,
    snapshots: PeerClient<Channel>,
}

/// A stream of messages under a name of its own: the compiler does not see through the boxed one
/// that an asynchronous call is [`Send`].
struct Outgoing<T>(BoxStream<'static, T>);

impl<T> Stream for Outgoing<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_next_unpin(context)
    }
}

fn with_card<T>(card: Card, message: T) -> Request<T> {
    let mut request = Request::new(message);
    card.put(request.metadata_mut());
    request
}

#[async_trait]
impl Peer for Remote {
    async fn append(
        &self,
        card: Card,
        requests: BoxStream<'static, pb::AppendRequest>,
    ) -> Result<Responses, Status> {
        let mut client = self.calls.clone();
        let responses = client.append(with_card(card, Outgoing(requests))).await?;
        Ok(responses.into_inner().boxed())
    }

    async fn snapshot(
        &self,
        card: Card,
        pieces: BoxStream<'static, pb::SnapshotPiece>,
    ) -> Result<pb::SnapshotAnswer, Status> {
        let mut client = self.snapshots.clone();
        Ok(client.snapshot(with_card(card, Outgoing(pieces))).await?.into_inner())
    }

    async fn ask(&self, card: Card, question: pb::Question) -> Result<pb::Answer, Status> {
        let mut client = self.calls.clone();
        Ok(client.ask(with_card(card, question)).await?.into_inner())
    }

    async fn refuses(&self) -> bool {
        for url in &*self.urls {
            let refusing = tokio::time::timeout(CONNECT_TIMEOUT, refuses(url));
            if !refusing.await.is_ok_and(|refusing| refusing.unwrap_or(false)) {
                return false;
            }
        }
        !self.urls.is_empty()
    }
}

/// Whether every address behind `url` refuses connections.
async fn refuses(url: &str) -> io::Result<bool> {
    let place = Place::parse(url)?;
    let mut any = false;
    for address in tokio::net::lookup_host((place.host.as_str(), place.port)).await? {
        match TcpStream::connect(address).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => any = true,
            Ok(_) | Err(_) => return Ok(false),
        }
    }
    Ok(any)
}

/// Where a URL of a peer leads.
struct Place {
    host: String,
    port: u16,
    secure: bool,
}

impl Place {
    fn parse(url: &str) -> io::Result<Self> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidInput, "no URL of a peer");
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let host = uri.host().ok_or_else(malformed)?.trim_matches(['[', ']']).to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(malformed()),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { host, port, secure })
    }
}

/// Makes connections to a member, whichever of its addresses answers.
#[derive(Clone)]
struct Connector {
    addresses: Arc<[String]>,
    /// The address that answered last.
    favourite: Arc<AtomicUsize>,
    tls: Option<ClientTls>,
}

impl Connector {
    fn new(urls: &[String], tls: Option<ClientTls>) -> Self {
        Self { addresses: urls.into(), favourite: Arc::default(), tls }
    }

    async fn connect(self) -> io::Result<TokioIo<Box<dyn Connection>>> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the member has no peer URL");
        let first = self.favourite.load(Ordering::Relaxed);
        for turn in 0..self.addresses.len() {
            let at = (first + turn) % self.addresses.len();
            let url = &self.addresses[at];
            match tokio::time::timeout(CONNECT_TIMEOUT, self.reach(url)).await {
                Ok(Ok(connection)) => {
                    self.favourite.store(at, Ordering::Relaxed);
                    return Ok(TokioIo::new(connection));
                }
                Ok(Err(error)) => failure = io::Error::new(error.kind(), format!("{url}: {error}")),
                Err(_) => {
                    failure = io::Error::new(io::ErrorKind::TimedOut, format!("{url}: silent"))
                }
            }
            tracing::debug!(error = %failure, "peer not reached");
        }
        Err(failure)
    }

    async fn reach(&self, url: &str) -> io::Result<Box<dyn Connection>> {
        let Place { host, port, secure } = Place::parse(url)?;
        let socket = TcpStream::connect((host.as_str(), port)).await?;
        // Heartbeats should not wait for more to send.
        socket.set_nodelay(true)?;
        match (&self.tls, secure) {
            (_, false) => Ok(Box::new(socket)),
            (Some(ClientTls(config)), true) => {
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                let mut config = Arc::unwrap_or_clone(config());
                config.alpn_protocols = vec![b"h2".to_vec()];
                let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
                Ok(Box::new(stream))
            }
            (None, true) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the peer wants TLS and this member has no peer certificates",
            )),
        }
    }
}

/// A byte stream to a peer.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Connection>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_port_where_nobody_is_refuses() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let url = format!("https://127.0.0.1:{port}");
        let peer = |urls: &[&str]| {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            Sockets { tls: None, keep_alive: CONNECT_TIMEOUT }.peer(&urls)
        };
        assert!(!peer(&[&url]).refuses().await, "it listens, whether it answers or not");
        drop(listener);
        assert!(peer(&[&url]).refuses().await);
        assert!(!peer(&[&url, "no-url"]).refuses().await, "the other address cannot be told");
        assert!(!peer(&[]).refuses().await);
    }
}
