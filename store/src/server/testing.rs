//! A served store on loopback, for tests.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
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

    /// Ends the server, then the store.
    pub async fn stop(self) {
        self.stop.cancel();
        self.server.await.expect("the server ends in order");
        self.store.shutdown().await;
    }
}
