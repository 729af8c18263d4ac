//! The TLS of a member, opened from its settings: files that are followed, or certificates that the
//! member makes for itself.

use std::path::Path;
use std::sync::Arc;

use certs::{
    Authorities, ClientConfigFiles, LiveServer, PairFiles, Revocations, ServerFiles, Trust,
};
use futures::future::join_all;
use store::server::Security as Demand;
use store::{ClientTls, Embedded};

use super::peer_address::PeerAddresses;
use super::security::{Identity, Security, Side};
use super::urls::Url;

/// gRPC first.
const ALPN: [&str; 2] = ["h2", "http/1.1"];

/// What listeners present and demand, and what calls to other members present.
pub struct MemberTls {
    clients: Option<LiveServer>,
    peers: Option<LiveServer>,
    calls: Option<Arc<ClientConfigFiles>>,
    /// Of lists that are named, to end connections that exist.
    revocations: Vec<Arc<Revocations>>,
    /// Compares members' addresses with their certificates, unless that is off.
    addresses: Option<Arc<PeerAddresses>>,
}

impl MemberTls {
    /// `client_urls` and `peer_urls` give made certificates their names.
    pub fn open(
        security: &Security,
        data_dir: &Path,
        client_urls: &[Url],
        peer_urls: &[Url],
    ) -> Result<Self, certs::Error> {
        let made = |urls: &[Url], name: &str| {
            let directory = data_dir.join("fixtures").join(name);
            let mut hosts: Vec<String> =
                urls.iter().filter_map(Url::host).map(str::to_owned).collect();
            hosts.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
            hosts.sort();
            hosts.dedup();
            hosts.retain(|host| !host.is_empty());
            certs::self_signed(&directory, &hosts, security.made_validity)
        };
        let pair = |side: &Side, urls: &[Url], name: &str| match &side.identity {
            Identity::None => Ok(None),
            Identity::Files(files) => Ok(Some(files.clone())),
            Identity::Made => made(urls, name).map(Some),
        };
        let mut revocations = Vec::new();
        let mut serve = |side: &Side, pair: Option<PairFiles>, purpose| {
            let Some(pair) = pair else { return Ok(None) };
            let (clients, protocol) = (side.clients.clone(), security.protocol.clone());
            let lists = clients.as_ref().and_then(|clients| clients.revoked.clone());
            let files = ServerFiles::open(purpose, pair, clients, protocol, &ALPN)?;
            let lists = lists.map(Revocations::open).transpose()?;
            revocations.extend(lists.clone());
            Ok(Some(LiveServer::new(files, lists)))
        };
        let client_pair = pair(&security.clients, client_urls, "client")?;
        let peer_pair = pair(&security.peers, peer_urls, "peer")?;
        let calls = calls(security, peer_pair.clone())?;
        Ok(Self {
            clients: serve(&security.clients, client_pair, "the client listeners")?,
            peers: serve(&security.peers, peer_pair, "the peer listeners")?,
            calls,
            revocations,
            addresses: security.verify_peer_addresses.then(Arc::default),
        })
    }

    /// Tells whose other members are the peers.
    pub fn know(&self, store: &Arc<Embedded>) {
        if let Some(addresses) = &self.addresses {
            addresses.know(store);
        }
    }

    /// Notices who is revoked, for as long as it is polled.
    pub async fn follow(&self) {
        join_all(self.revocations.iter().map(|lists| lists.follow())).await;
    }

    /// For a client or metrics listener at `url`.
    pub fn of_clients(&self, url: &Url) -> Demand {
        demand(self.clients.as_ref(), url)
    }

    /// For a peer listener at `url`.
    pub fn of_peers(&self, url: &Url) -> Demand {
        match (demand(self.peers.as_ref(), url), &self.addresses) {
            (Demand::Tls(tls), Some(addresses)) => {
                Demand::Checked(tls, PeerAddresses::check(addresses))
            }
            (demand, _) => demand,
        }
    }

    /// For calls to other members.
    pub fn of_calls(&self) -> Option<ClientTls> {
        let calls = Arc::clone(self.calls.as_ref()?);
        Some(ClientTls(Arc::new(move || calls.current())))
    }
}

/// A plain URL is served plainly whatever certificates there are, as in etcd.
fn demand(live: Option<&LiveServer>, url: &Url) -> Demand {
    match live {
        Some(live) if url.scheme.is_secure() => Demand::Tls(crate::tls::of_store(live.clone())),
        _ => Demand::Plain,
    }
}

/// Without a named authority the system's are trusted, and among members that made their own
/// certificates, anyone: as in etcd that encrypts and does not authenticate.
fn calls(
    security: &Security,
    own: Option<PairFiles>,
) -> Result<Option<Arc<ClientConfigFiles>>, certs::Error> {
    let side = &security.peers;
    let trust = match (&side.identity, &side.authorities) {
        (_, Some(path)) => Trust::Authorities(Authorities::All(path.clone())),
        (Identity::Made, None) => Trust::Anyone,
        (Identity::Files(_), None) => Trust::System,
        (Identity::None, None) => return Ok(None),
    };
    let pair = side.caller.clone().or(own);
    let protocol = security.protocol.clone();
    ClientConfigFiles::open("calls to other members", pair, trust, protocol).map(Some)
}
