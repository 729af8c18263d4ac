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

    pub async fn with(config: Config) -> Self {
        let store = Embedded::open(config).await.expect("a store opens");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
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
