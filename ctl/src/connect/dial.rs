//! One connection to one address: TCP or a Unix socket, with TLS or without, HTTP/2 on top.
//!
//! TLS is done here rather than by tonic, whose own cannot be told to believe any certificate and
//! knows no Unix sockets.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use super::address::{Address, Place, Security};

/// Largest page that is read over HTTP/1.
const PAGE_BYTES: u64 = 16 * 1024 * 1024;

/// How to connect, whatever the address.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// For addresses that say `https` or `unixs`.
    pub tls: Option<Arc<ClientConfig>>,
    /// Whether addresses without a scheme are spoken to with TLS.
    pub tls_unless_told: bool,
    pub dial_timeout: Duration,
    pub keepalive_time: Duration,
    pub keepalive_timeout: Duration,
}

impl Dialer {
    fn tls_for(&self, address: &Address) -> io::Result<Option<Arc<ClientConfig>>> {
        let wanted = match address.security {
            Security::Plain => false,
            Security::Tls => true,
            Security::AsConfigured => self.tls_unless_told,
        };
        match (&self.tls, wanted) {
            (_, false) => Ok(None),
            (Some(tls), true) => Ok(Some(Arc::clone(tls))),
            (None, true) => {
                Err(io::Error::other("TLS is wanted, but no certificates are configured"))
            }
        }
    }

    /// Connects, and says in one sentence why not. The connection renews itself when it breaks.
    pub async fn connect(&self, address: &Address) -> Result<Channel, String> {
        let tls = self.tls_for(address).map_err(|error| error.to_string())?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let authority = address.authority();
        let uri = |scheme: &str| {
            format!("{scheme}://{authority}").parse::<Uri>().map_err(|error| error.to_string())
        };
        let endpoint = Endpoint::from(uri("http")?)
            .origin(uri(scheme)?)
            .connect_timeout(self.dial_timeout)
            .http2_keep_alive_interval(self.keepalive_time)
            .keep_alive_timeout(self.keepalive_timeout)
            .tcp_nodelay(true);
        let address = address.clone();
        let connector = tower::service_fn(move |_: Uri| {
            let (address, tls) = (address.clone(), tls.clone());
            async move { Stream::open(&address, tls).await.map(TokioIo::new) }
        });
        endpoint.connect_with_connector(connector).await.map_err(|error| innermost(&error))
    }
}

impl Dialer {
    /// Reads one page over HTTP/1, as `/metrics`.
    pub async fn http_get(&self, address: &Address, path: &str) -> anyhow::Result<String> {
        let tls = self.tls_for(address)?.map(|tls| {
            let mut tls = ClientConfig::clone(&tls);
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(tls)
        });
        let mut stream =
            tokio::time::timeout(self.dial_timeout, Stream::open(address, tls)).await??;
        // HTTP/1.0: the page ends where the connection does.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", address.authority());
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(PAGE_BYTES).read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer is no HTTP")?;
        let status = head.lines().next().unwrap_or_default();
        anyhow::ensure!(status.contains(" 200 "), "{path} was answered with {status:?}");
        Ok(body.to_owned())
    }
}

/// The reason at the bottom of a chain of wrappers.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Anything that bytes go through.
pub struct Stream(Pin<Box<dyn ReadWrite>>);

trait ReadWrite: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> ReadWrite for T {}

impl Stream {
    pub async fn open(address: &Address, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        let plain = match &address.place {
            Place::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Self(Box::pin(stream))
            }
            Place::Unix { path } => Self(Box::pin(UnixStream::connect(path).await?)),
        };
        let Some(tls) = tls else { return Ok(plain) };
        let name = ServerName::try_from(address.server_name().to_owned())
            .map_err(|error| io::Error::other(format!("{}: {error}", address.server_name())))?;
        let secured = TlsConnector::from(tls).connect(name, plain).await?;
        Ok(Self(Box::pin(secured)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}
