//! Clusters in one process, for tests: over memory, or over sockets with mutual TLS.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::memory::Memory;
use crate::config::{Cluster as ClusterConfig, Config, InitialMember, InitialState};
use crate::server::serve_peers;
use crate::{ClientTls, Embedded, OpenError, ServerTls};

/// Patience of tests with what must happen sooner or later, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What members of a test cluster go by: quick, and with room for a machine that is busy.
const HEARTBEAT: Duration = Duration::from_millis(50);
const ELECTION: Duration = Duration::from_millis(500);

/// How members reach each other.
#[derive(Clone)]
pub(crate) enum Wires {
    Memory(Memory),
    /// Loopback, mutual TLS.
    Sockets,
}

/// A cluster with its members' places, running or not.
pub(crate) struct TestCluster {
    pub wires: Wires,
    pub members: Vec<TestMember>,
    /// Where members keep their files, `None` in memory.
    files: Option<tempfile::TempDir>,
}

/// A place for a member.
pub(crate) struct TestMember {
    pub config: Config,
    pub url: String,
    /// `None` while it is down.
    pub store: Option<Arc<Embedded>>,
    listener: Option<std::net::TcpListener>,
    server: Option<(CancellationToken, JoinHandle<()>)>,
}

/// The certificates of test clusters.
struct Pki {
    authority: String,
    peer: certs::Pair,
    stranger: certs::Pair,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let leaf = certs::Leaf {
            common_name: "peer".into(),
            organization: None,
            usage: certs::Usage::Both,
            dns_names: vec!["localhost".into()],
            ip_addresses: vec!["127.0.0.1".parse().expect("an address")],
        };
        let authority = certs::Authority::generate("peers").expect("an authority is made");
        let other = certs::Authority::generate("others").expect("an authority is made");
        Pki {
            authority: authority.certificate_pem().to_owned(),
            peer: authority.issue(&leaf).expect("a certificate is issued"),
            stranger: other.issue(&leaf).expect("a certificate is issued"),
        }
    })
}

/// What a peer presents; a stranger's certificate is of another authority.
pub(crate) fn client_tls(stranger: bool) -> ClientTls {
    let pki = pki();
    let pair = if stranger { &pki.stranger } else { &pki.peer };
    let tls = certs::client_config(&pki.authority, Some(pair)).expect("usable certificates");
    ClientTls::from(tls)
}

fn server_tls() -> ServerTls {
    let pki = pki();
    let required = certs::ClientAuth::Required;
    let tls = certs::server_config(&pki.peer, &pki.authority, required, &["h2", "http/1.1"]);
    ServerTls::from(tls.expect("usable certificates"))
}

impl TestCluster {
    /// A cluster of `count` founding members that is up.
    pub async fn start(count: usize, wires: Wires, on_disk: bool) -> Self {
        let mut cluster = Self::prepare(count, wires, on_disk).await;
        cluster.open_all().await;
        cluster
    }

    /// As [`TestCluster::start`] in memory, with the settings that members have by default.
    pub async fn with_default_timing(count: usize) -> Self {
        let mut cluster = Self::prepare(count, Wires::Memory(Memory::default()), false).await;
        for member in &mut cluster.members {
            let defaults = ClusterConfig::default();
            member.config.cluster.heartbeat_interval = defaults.heartbeat_interval;
            member.config.cluster.election_timeout = defaults.election_timeout;
        }
        cluster.open_all().await;
        cluster
    }

    pub async fn in_memory(count: usize) -> Self {
        Self::start(count, Wires::Memory(Memory::default()), false).await
    }

    /// The places of `count` founding members, none of which is up.
    pub async fn prepare(count: usize, wires: Wires, on_disk: bool) -> Self {
        let files = on_disk.then(|| tempfile::tempdir().expect("a temporary directory"));
        let mut cluster = Self { wires, members: Vec::new(), files };
        let places: Vec<_> = (0..count).map(|number| cluster.place(number)).collect();
        let initial: Vec<InitialMember> = places.iter().map(TestMember::named).collect();
        cluster.members = places;
        for member in &mut cluster.members {
            member.config.cluster.initial = initial.clone();
        }
        cluster
    }

    fn place(&self, number: usize) -> TestMember {
        let (url, listener) = match &self.wires {
            Wires::Memory(_) => (format!("http://member-{number}:2380"), None),
            Wires::Sockets => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
                listener.set_nonblocking(true).expect("a socket can be non-blocking");
                let address = listener.local_addr().expect("a bound listener has an address");
                (format!("https://{address}"), Some(listener))
            }
        };
        let cluster = ClusterConfig {
            heartbeat_interval: HEARTBEAT,
            election_timeout: ELECTION,
            peer_tls: matches!(self.wires, Wires::Sockets).then(|| client_tls(false)),
            ..ClusterConfig::default()
        };
        let config = Config {
            data_dir: self.dir(number),
            name: format!("m{number}"),
            client_urls: vec![format!("http://client-{number}:2379")],
            peer_urls: vec![url.clone()],
            cluster,
            fsync: false,
            wal_segment_bytes: 1 << 20,
            ..Config::default()
        };
        TestMember { config, url, store: None, listener, server: None }
    }

    fn dir(&self, number: usize) -> Option<PathBuf> {
        self.files.as_ref().map(|files| files.path().join(format!("m{number}")))
    }

    /// Opens every member that is down and waits until all are part of the cluster.
    pub async fn open_all(&mut self) {
        for number in 0..self.members.len() {
            if self.members[number].store.is_none() {
                self.open(number).await.expect("the member opens");
            }
        }
        for member in &self.members {
            member.ready().await;
        }
    }

    /// Opens a member. It may not be part of the cluster yet.
    pub async fn open(&mut self, number: usize) -> Result<(), OpenError> {
        let wires = self.wires.clone();
        let member = &mut self.members[number];
        let store = match &wires {
            Wires::Memory(memory) => {
                let network = memory.from(&member.url);
                let store = Embedded::open_over(member.config.clone(), network).await?;
                memory.plug(&member.url, &store);
                store
            }
            Wires::Sockets => {
                let store = Embedded::open(member.config.clone()).await?;
                let listener = match member.listener.take() {
                    Some(listener) => listener,
                    None => rebind(&member.url).await,
                };
                let listener = TcpListener::from_std(listener).expect("the runtime takes it");
                let stop = CancellationToken::new();
                let serving = serve_peers(store.clone(), listener, server_tls(), stop.clone());
                member.server = Some((stop, tokio::spawn(serving)));
                store
            }
        };
        member.store = Some(store);
        Ok(())
    }

    /// Takes a member down in order.
    pub async fn stop(&mut self, number: usize) {
        let member = &mut self.members[number];
        if let Wires::Memory(memory) = &self.wires {
            memory.unplug(&member.url);
        }
        if let Some(store) = member.store.take() {
            store.shutdown().await;
        }
        member.stop_serving().await;
    }

    /// Takes a member down as a crash would: nothing is finished.
    pub async fn kill(&mut self, number: usize) {
        let member = &mut self.members[number];
        if let Wires::Memory(memory) = &self.wires {
            memory.unplug(&member.url);
        }
        member.stop_serving().await;
        if let Some(store) = member.store.take() {
            store.crash().await;
        }
    }

    /// Takes the whole cluster down in order.
    pub async fn stop_all(&mut self) {
        for number in 0..self.members.len() {
            self.stop(number).await;
        }
    }

    /// Adds a place that joins the running cluster; it must have been added to it.
    pub fn add_place(&mut self, initial: Vec<InitialMember>) -> usize {
        let number = self.members.len();
        let mut place = self.place(number);
        place.config.cluster.state = InitialState::Existing;
        place.config.cluster.initial = initial;
        place.config.cluster.initial.push(place.named());
        self.members.push(place);
        number
    }

    /// A store of the cluster.
    pub fn store(&self, number: usize) -> &Arc<Embedded> {
        self.members[number].store.as_ref().expect("the member is up")
    }

    pub fn id(&self, number: usize) -> u64 {
        self.store(number).published.identity.member_id
    }

    /// The member that leads, once one does.
    pub async fn leader(&self) -> usize {
        eventually("a leader", || {
            (0..self.members.len()).find(|number| {
                self.members[*number].store.as_ref().is_some_and(|store| store.is_leader())
            })
        })
        .await
    }

    /// A member that is up and does not lead.
    pub async fn follower(&self) -> usize {
        let leader = self.leader().await;
        let up = |number: &usize| self.members[*number].store.is_some() && *number != leader;
        (0..self.members.len()).find(up).expect("another member is up")
    }
}

impl TestMember {
    pub fn named(&self) -> InitialMember {
        InitialMember { name: self.config.name.clone(), peer_urls: vec![self.url.clone()] }
    }

    /// Waits until the member is part of its cluster.
    pub async fn ready(&self) {
        let store = self.store.as_ref().expect("the member is up");
        let mut ready = store.ready();
        let waiting = ready.wait_for(|ready| *ready);
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("the member becomes part of the cluster")
            .expect("the member runs");
    }

    async fn stop_serving(&mut self) {
        if let Some((stop, server)) = self.server.take() {
            stop.cancel();
            server.abort();
            let _ = server.await;
        }
    }
}

/// Binds an address again that was given up a moment ago.
async fn rebind(url: &str) -> std::net::TcpListener {
    let address = url.strip_prefix("https://").expect("members have https URLs");
    let listener = eventually("the port", || std::net::TcpListener::bind(address).ok()).await;
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    listener
}

/// Waits until `found` finds something.
pub(crate) async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = tokio::time::Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
