//! A served store on loopback, for tests.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::remote::{Options, Remote, Tls};
use crate::{Config, Embedded};

/// One authority for all tests of the process: keys cost time.
struct Pki {
    authority: String,
    server: certs::Pair,
    client: certs::Pair,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let authority = certs::Authority::generate("test").expect("an authority is made");
        let server = certs::Leaf {
            common_name: "server".into(),
            organization: None,
            usage: certs::Usage::Both,
            dns_names: vec!["localhost".into()],
            ip_addresses: vec!["127.0.0.1".parse().expect("an address")],
        };
        Pki {
            authority: authority.certificate_pem().to_owned(),
            server: authority.issue(&server).expect("a certificate is issued"),
            client: authority
                .issue(&certs::Leaf::client("client", None))
                .expect("a certificate is issued"),
        }
    })
}

/// A running server with its store.
pub(crate) struct Served {
    pub store: Arc<Embedded>,
    pub address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Served {
    pub async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(mut config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        config.client_urls = vec![format!("https://{address}")];
        config.peer_urls = vec!["https://127.0.0.1:2380".into()];
        let store = Embedded::open(config).await.expect("a store opens");
        let pki = pki();
        let required = certs::ClientAuth::Required;
        let alpn = &["h2", "http/1.1"];
        let tls = certs::server_config(&pki.server, &pki.authority, required, alpn)
            .expect("the certificates are usable");
        let stop = CancellationToken::new();
        let serving = super::serve_clients(store.clone(), listener, tls, stop.clone());
        let server = tokio::spawn(serving);
        Self { store, address, stop, server }
    }

    pub fn options(&self) -> Options {
        let pki = pki();
        Options {
            endpoints: vec![format!("https://{}", self.address)],
            tls: Some(Tls {
                authorities: pki.authority.clone(),
                identity: Some((pki.client.certificate.clone(), pki.client.key.clone())),
            }),
            connect_timeout: Duration::from_secs(10),
        }
    }

    pub async fn connect(&self) -> Arc<Remote> {
        Remote::connect(&self.options()).await.expect("the server answers")
    }

    /// The status and body that a path answers over HTTP/1.1.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let pki = pki();
        let tls = certs::client_config(&pki.authority, Some(&pki.client))
            .expect("the certificates are usable");
        let socket = TcpStream::connect(self.address).await.expect("the server listens");
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let connecting = tokio_rustls::TlsConnector::from(tls).connect(name, socket);
        let mut stream = connecting.await.expect("the handshake succeeds");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the request is sent");
        let mut answer = Vec::new();
        // The server may close without a farewell, after a whole answer.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).expect("the answer is text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
        let status = head.split(' ').nth(1).expect("the head has a status");
        (status.parse().expect("a status is a number"), body.to_owned())
    }

    /// Ends the server, then the store.
    pub async fn stop(self) {
        self.stop.cancel();
        self.server.await.expect("the server ends in order");
        self.store.shutdown().await;
    }
}

/// What a server answers over plain HTTP/1.1.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// An open answer of a stream.
pub(crate) struct HttpStream {
    socket: TcpStream,
    received: Vec<u8>,
}

async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("\r\n{body}"));
    socket.write_all(request.as_bytes()).await.expect("the request is sent");
    socket
}

/// Takes chunks apart, as far as they have come.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a chunk has a length");
        let Some(chunk) = rest.get(..length) else { break };
        whole.push_str(chunk);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}

impl HttpAnswer {
    fn of(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).expect("the head has a status");
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunked(body) } else { body.to_owned() };
        let status = status.parse().expect("a status is a number");
        Some(Self { status, head: head.to_owned(), body })
    }
}

/// Asks over plain HTTP/1.1 and waits for the whole answer.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> HttpAnswer {
    let mut socket = send(address, method, path, headers, body).await;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("the answer comes");
    HttpAnswer::of(&String::from_utf8_lossy(&answer)).expect("the answer has a head")
}

impl HttpStream {
    pub async fn open(address: SocketAddr, path: &str, body: &str) -> Self {
        Self { socket: send(address, "POST", path, &[], body).await, received: Vec::new() }
    }

    /// The whole answer, once it ends.
    pub async fn whole(mut self) -> HttpAnswer {
        self.socket.read_to_end(&mut self.received).await.expect("the answer comes");
        HttpAnswer::of(&String::from_utf8_lossy(&self.received)).expect("the answer has a head")
    }

    /// The first lines of the answer, once so many have come.
    pub async fn lines(&mut self, count: usize) -> Vec<String> {
        loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if let Some(answer) = HttpAnswer::of(&text) {
                let lines: Vec<String> = answer.body.lines().map(str::to_owned).collect();
                if lines.len() >= count {
                    return lines;
                }
            }
            let read = self.socket.read_buf(&mut self.received).await.expect("the answer goes on");
            assert!(read > 0, "the answer ended early: {text}");
        }
    }
}

/// A store served without TLS.
pub(crate) struct Plain {
    pub store: Arc<Embedded>,
    pub address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Plain {
    pub async fn start() -> Self {
        let store = Embedded::open(Config::default()).await.expect("a store opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let plain = super::Security::Plain;
        let serving = super::serve_clients(store.clone(), listener, plain, stop.clone());
        Self { store, address, stop, server: tokio::spawn(serving) }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.server.await.expect("the server ends in order");
        self.store.shutdown().await;
    }
}
