//! One member, from its settings to its end.
//!
//! Order at the start: sockets and certificates, which may refuse; the data; the listeners for the
//! other members, without whom there is no leader; and once there is one, those for clients. At the
//! end the same in reverse, so that nothing outlives what it talks to.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use store::Embedded;
use store::auth::TokenSpec;
use store::server::{self, ClientRoutes, ConnectionLimits, Security as Demand};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::bind::{self, Bound, SocketFile};
use super::notify;
use super::settings::{Persona, Settings};
use super::tls::MemberTls;
use super::urls::Url;
use crate::up;

/// How long tasks that ignore their end may hold up the exit.
const LAST_TASKS: Duration = Duration::from_secs(1);
/// Threads beyond this many serve a store no faster.
const MAX_THREADS: usize = 8;

/// Which signal ended the member in good order.
pub type Ended = up::Caught;

/// Runs the member until a signal comes or it fails.
pub fn run(settings: &Settings, persona: Persona) -> anyhow::Result<Ended> {
    if settings.lock_memory {
        use rustix::mm::{MlockAllFlags, mlockall};
        let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE;
        mlockall(flags).context("cannot keep the memory out of swap (--memory-mlock)")?;
    }
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.min(MAX_THREADS))
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let ended = runtime.block_on(serve(settings, persona));
    runtime.shutdown_timeout(LAST_TASKS);
    ended
}

async fn serve(settings: &Settings, persona: Persona) -> anyhow::Result<Ended> {
    // Installed before anything starts: a signal during the start must stop in order too.
    let mut signals = up::Signals::install()?;
    let data_dir = prepare_data_dir(settings, persona)?;
    let sockets = Sockets::bind(settings).await?;
    let client_urls: Vec<Url> = urls(sockets.clients.iter().chain(&sockets.http));
    let peer_urls = urls(&sockets.peers);
    let tls = MemberTls::open(&settings.security, &data_dir, &client_urls, &peer_urls)?;
    let config = config(settings, &data_dir, &sockets, &tls)?;
    tracing::info!(
        name = config.name,
        data_dir = %data_dir.display(),
        version = store::ETCD_VERSION,
        peer_urls = config.peer_urls.join(","),
        client_urls = config.client_urls.join(","),
        "starting a member of a store"
    );
    let opening = Embedded::open(config);
    let store = tokio::select! {
        store = opening => store.context("cannot open the store")?,
        signal = signals.next() => return Ok(signal),
    };
    tls.know(&store);
    let mut running = Running::default();
    let Sockets { clients, http, peers, metrics } = sockets;
    running.serve_peers(&store, peers, &tls);
    let serving = async {
        belongs(&store).await;
        let sockets = ClientSockets { clients, http, metrics };
        running.serve_clients(&store, sockets, &tls, settings);
        notify::ready();
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        () = serving => unreachable!("serving has no end of its own"),
        () = followed(&tls) => unreachable!("files are followed to the end"),
        failure = failure(&store) => Err(failure),
        signal = signals.next() => Ok(signal),
    };
    if let Ok(signal) = &outcome {
        tracing::info!("received {signal}; shutting down, once more to stop at once");
    }
    tokio::select! {
        () = running.stop(&store) => outcome,
        signal = signals.next() => bail!("stopped at once by a second {signal}"),
    }
}

async fn followed(tls: &MemberTls) {
    tls.follow().await;
    // There are no lists to follow.
    std::future::pending::<()>().await;
}

/// The sockets that are served once there is a leader.
struct ClientSockets {
    clients: Vec<Bound>,
    http: Vec<Bound>,
    metrics: Vec<Bound>,
}

fn urls<'a>(bound: impl IntoIterator<Item = &'a Bound>) -> Vec<Url> {
    bound.into_iter().map(|bound| bound.url.clone()).collect()
}

/// All sockets of the member, bound and not yet served.
struct Sockets {
    clients: Vec<Bound>,
    http: Vec<Bound>,
    peers: Vec<Bound>,
    metrics: Vec<Bound>,
}

impl Sockets {
    async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let listen = &settings.listen;
        let reuse = listen.reuse_port;
        Ok(Self {
            peers: bind::all(&listen.peers, "listen-peer-urls", reuse).await?,
            clients: bind::all(&listen.clients, "listen-client-urls", reuse).await?,
            http: bind::all(&listen.http, "listen-client-http-urls", reuse).await?,
            metrics: bind::all(&listen.metrics, "listen-metrics-urls", reuse).await?,
        })
    }
}

/// Makes the directory, for its owner alone, and tells whose another is.
fn prepare_data_dir(settings: &Settings, persona: Persona) -> anyhow::Result<PathBuf> {
    let path = match (&settings.data_dir, persona) {
        (Some(path), _) => path.clone(),
        (None, Persona::Etcd) => PathBuf::from(format!("{}.etcd", settings.name)),
        (None, Persona::Coracle) => up::store_path(&up::default_data_dir()?),
    };
    let etcd = path.join("member").join("snap").join("db");
    if etcd.exists() {
        bail!(
            "{} is the data directory of an etcd; take a snapshot there with `etcdctl snapshot \
             save`, and restore it into an empty directory with `coracle ctl snapshot restore`",
            path.display()
        );
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.with_context(|| format!("cannot make data directory {}", path.display()))?;
    Ok(path)
}

fn config(
    settings: &Settings,
    data_dir: &Path,
    sockets: &Sockets,
    tls: &MemberTls,
) -> anyhow::Result<store::Config> {
    let client_urls = told(settings.advertise_clients.as_deref(), &sockets.clients);
    let peer_urls = told(settings.advertise_peers.as_deref(), &sockets.peers);
    let cluster = &settings.cluster;
    let initial = match settings.founders(&peer_urls) {
        Ok(initial) => initial,
        // A member that exists knows its cluster; what its first start was told may be stale.
        Err(_) if data_dir.join("member.json").exists() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(store::Config {
        data_dir: Some(data_dir.to_owned()),
        wal_dir: settings.wal_dir.clone(),
        name: settings.name.clone(),
        client_urls,
        peer_urls,
        cluster: store::Cluster {
            initial,
            state: cluster.state,
            token: cluster.token.clone(),
            heartbeat_interval: cluster.heartbeat_interval,
            election_timeout: cluster.election_timeout,
            pre_vote: cluster.pre_vote,
            strict_reconfig: cluster.strict_reconfig,
            max_learners: cluster.max_learners,
            force_new: cluster.force_new,
            peer_tls: tls.of_calls(),
        },
        max_request_bytes: settings.limits.request_bytes,
        max_txn_ops: settings.limits.txn_ops,
        fsync: settings.fsync,
        care: settings.care.clone(),
        auth_token: TokenSpec::parse(&settings.users.token).context("--auth-token")?,
        auth_token_ttl: settings.users.token_ttl,
        bcrypt_cost: settings.users.bcrypt_cost,
        client_cert_auth: settings.users.certified,
        watch_progress_notify_interval: settings.watch_progress_interval,
        ..store::Config::default()
    })
}

/// The URLs that others are told: those named, else those bound, with an address for "all".
fn told(named: Option<&[Url]>, bound: &[Bound]) -> Vec<String> {
    if let Some(named) = named {
        return named.iter().map(Url::to_string).collect();
    }
    let reachable = |bound: &Bound| match (bound.url.host(), bound.url.port()) {
        (Some(host), Some(port)) if bound.url.is_unspecified() => {
            let any = host.parse().expect("an unspecified host is an address");
            bound.url.at(&up::advertised_address(any).to_string(), port)
        }
        _ => bound.url.clone(),
    };
    bound.iter().map(|bound| reachable(bound).to_string()).collect()
}

/// The listeners of an open store.
#[derive(Default)]
struct Running {
    peers: Group,
    clients: Group,
    /// Removed with the member.
    files: Vec<SocketFile>,
}

impl Running {
    fn serve_peers(&mut self, store: &Arc<Embedded>, sockets: Vec<Bound>, tls: &MemberTls) {
        for Bound { listener, url, file } in sockets {
            let demand = tls.of_peers(&url);
            tracing::info!("serving peer traffic on {url}");
            self.files.push(file);
            let stop = self.peers.stop.clone();
            self.peers.tasks.spawn(server::serve_peers(store.clone(), listener, demand, stop));
        }
    }

    fn serve_clients(
        &mut self,
        store: &Arc<Embedded>,
        sockets: ClientSockets,
        tls: &MemberTls,
        settings: &Settings,
    ) {
        let limits = settings.limits.connection;
        let routes = ClientRoutes::new(store.clone(), self.clients.stop.clone())
            .with_origins(settings.listen.origins.clone());
        let routes = if settings.gateway { routes } else { routes.without_gateway() };
        let split = !sockets.http.is_empty();
        let (main, kind) =
            if split { (routes.grpc(), "grpc") } else { (routes.all(), "grpc+http") };
        for bound in sockets.clients {
            self.serve(main.clone(), bound, tls, limits, kind);
        }
        for bound in sockets.http {
            self.serve(routes.http(), bound, tls, limits, "http");
        }
        for bound in sockets.metrics {
            self.serve(routes.metrics(), bound, tls, limits, "metrics");
        }
        tracing::info!("ready to serve client requests");
    }

    fn serve(
        &mut self,
        front: impl Into<server::Front>,
        bound: Bound,
        tls: &MemberTls,
        limits: ConnectionLimits,
        traffic: &str,
    ) {
        let Bound { listener, url, file } = bound;
        let demand = tls.of_clients(&url);
        match demand {
            Demand::Tls(_) | Demand::Checked(..) => {
                tracing::info!("serving {traffic} traffic securely on {url}")
            }
            Demand::Plain => tracing::info!("serving {traffic} traffic without TLS on {url}"),
        }
        self.files.push(file);
        let stop = self.clients.stop.clone();
        self.clients.tasks.spawn(server::serve(front.into(), listener, demand, limits, stop));
    }

    /// Clients first: what they wait for needs the other members.
    async fn stop(&mut self, store: &Arc<Embedded>) {
        self.clients.stop().await;
        store.shutdown().await;
        self.peers.stop().await;
    }
}

/// Returns once the member is part of its cluster: etcd serves clients only from then on.
async fn belongs(store: &Arc<Embedded>) {
    // Where the sender is gone the store is, which is noticed elsewhere.
    let _ = store.ready().wait_for(|ready| *ready).await;
}

/// Waits for the store to fail for good.
async fn failure(store: &Arc<Embedded>) -> anyhow::Error {
    let mut failed = store.failed();
    let reason = match failed.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => "the store is gone".to_owned(),
    };
    anyhow!("the store failed and takes no more writes: {reason}")
}

/// Tasks that stop together.
#[derive(Default)]
struct Group {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Group {
    async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
