//! How a member is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;

use crate::auth::{DEFAULT_BCRYPT_COST, DEFAULT_TOKEN_TTL, TokenSpec};
use crate::care;
use crate::clock::{Clock, TokioClock};
use crate::disk::{Disk, OsDisk};
use crate::wal::SEGMENT_BYTES;

/// etcd's limit on a request, 1.5 MiB.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 3 * 512 * 1024;

/// etcd's limit on operations in one transaction.
pub const DEFAULT_MAX_TXN_OPS: usize = 128;

/// etcd's default of `--watch-progress-notify-interval`.
pub const DEFAULT_WATCH_PROGRESS_NOTIFY_INTERVAL: Duration = Duration::from_secs(600);

/// etcd's limit on learners.
pub const DEFAULT_MAX_LEARNERS: usize = 1;

/// How applied state is written behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBehind {
    /// How long after the start the home is opened when it was not needed for it, so that the start
    /// has the machine to itself.
    pub open_delay: Duration,
    /// Entries to replay from which on reading the home at start is quicker.
    pub read_from_entries: u64,
}

impl Default for WriteBehind {
    fn default() -> Self {
        Self { open_delay: Duration::from_secs(1), read_from_entries: 10_000 }
    }
}

/// What a client presents to the peers it calls, asked anew for each connection, so that files may
/// change under a running member.
#[derive(Clone)]
pub struct ClientTls(pub Arc<dyn Fn() -> Arc<rustls::ClientConfig> + Send + Sync>);

/// What a listener presents and demands.
#[derive(Clone)]
pub struct ServerTls {
    /// Asked anew for each connection.
    pub config: Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>,
    /// Ends connections that exist; `None` where none ends for its certificate.
    pub revoked: Option<Revoked>,
}

/// Tells when a client that is let in must go: the future ends once one of its certificates is
/// revoked.
#[derive(Clone)]
pub struct Revoked(
    pub Arc<dyn Fn(Arc<[CertificateDer<'static>]>) -> BoxFuture<'static, ()> + Send + Sync>,
);

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls")
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl From<Arc<rustls::ServerConfig>> for ServerTls {
    fn from(config: Arc<rustls::ServerConfig>) -> Self {
        Self { config: Arc::new(move || Arc::clone(&config)), revoked: None }
    }
}

impl From<Arc<rustls::ClientConfig>> for ClientTls {
    fn from(config: Arc<rustls::ClientConfig>) -> Self {
        Self(Arc::new(move || Arc::clone(&config)))
    }
}

/// A member as `--initial-cluster` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMember {
    pub name: String,
    pub peer_urls: Vec<String>,
}

/// `--initial-cluster-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialState {
    /// The named members found a cluster together.
    #[default]
    New,
    /// The member was added to a running cluster (`member add`) and joins it now.
    Existing,
}

/// How a member finds the others, and how it waits for them. Matters to a member of a cluster;
/// where `initial` is empty the member founds a cluster of its own.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The founding members, this one among them. Only read by the first start.
    pub initial: Vec<InitialMember>,
    pub state: InitialState,
    /// Mixed into ids, so that clusters founded with the same URLs stay apart.
    pub token: String,
    pub heartbeat_interval: Duration,
    /// How long a follower waits for a heartbeat before it stands for election.
    pub election_timeout: Duration,
    pub pre_vote: bool,
    /// Refuses changes of the members that would cost the quorum.
    pub strict_reconfig: bool,
    /// Greatest number of learners.
    pub max_learners: usize,
    /// Starts as the only member with the data that is there, and forgets the others.
    pub force_new: bool,
    /// `None` calls peers without TLS.
    pub peer_tls: Option<ClientTls>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            initial: Vec::new(),
            state: InitialState::New,
            token: "etcd-cluster".into(),
            heartbeat_interval: Duration::from_millis(100),
            election_timeout: Duration::from_secs(1),
            pre_vote: true,
            strict_reconfig: true,
            max_learners: DEFAULT_MAX_LEARNERS,
            force_new: false,
            peer_tls: None,
        }
    }
}

/// Settings of [`crate::Embedded::open`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the member keeps its files; `None` keeps everything in memory and no file at all.
    pub data_dir: Option<PathBuf>,
    /// Where the log lies when it has a disk of its own; otherwise with the rest.
    pub wal_dir: Option<PathBuf>,
    /// The member's name, shown by `member list`.
    pub name: String,
    pub client_urls: Vec<String>,
    pub peer_urls: Vec<String>,
    pub cluster: Cluster,
    /// Greatest encoded size of one write.
    pub max_request_bytes: usize,
    /// Greatest number of compares or operations in a transaction.
    pub max_txn_ops: usize,
    /// Size of a WAL segment, in bytes.
    pub wal_segment_bytes: usize,
    /// Whether writes wait for the disk. Off, a crash of the machine (not of the process alone)
    /// loses what was acknowledged shortly before.
    pub fsync: bool,
    pub write_behind: WriteBehind,
    /// The store's care of itself: compaction, quota, checks.
    pub care: care::Settings,
    /// How the tokens of users are made.
    pub auth_token: TokenSpec,
    /// How long a simple token lives after its last use.
    pub auth_token_ttl: Duration,
    /// What hashing a password costs: 2 to this power rounds.
    pub bcrypt_cost: u32,
    /// Whether the common name of a verified client certificate names a user.
    pub client_cert_auth: bool,
    /// How often a watch that asked for it is told the revision while nothing happens.
    pub watch_progress_notify_interval: Duration,
    pub clock: Arc<dyn Clock>,
    pub disk: Arc<dyn Disk>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            wal_dir: None,
            name: "default".into(),
            client_urls: Vec::new(),
            peer_urls: Vec::new(),
            cluster: Cluster::default(),
            max_request_bytes: DEFAULT_MAX_REQUEST_BYTES,
            max_txn_ops: DEFAULT_MAX_TXN_OPS,
            wal_segment_bytes: SEGMENT_BYTES,
            fsync: true,
            write_behind: WriteBehind::default(),
            care: care::Settings::default(),
            auth_token: TokenSpec::default(),
            auth_token_ttl: DEFAULT_TOKEN_TTL,
            bcrypt_cost: DEFAULT_BCRYPT_COST,
            client_cert_auth: false,
            watch_progress_notify_interval: DEFAULT_WATCH_PROGRESS_NOTIFY_INTERVAL,
            clock: TokioClock::shared(),
            disk: OsDisk::shared(),
        }
    }
}
