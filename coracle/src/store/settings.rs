//! What a member shall be, proven: parsed, checked as etcd checks, with defaults filled in.
//!
//! Pure: sources in, settings or a refusal out. Files are not read and sockets not bound here.

use std::path::PathBuf;
use std::time::Duration;

use store::care::{AutoCompaction, LeaseCheckpoints};
use store::server::{ConnectionLimits, Keepalive, Origins};
use store::{InitialMember, InitialState};

use super::log::{Format, LogSettings};
use super::reader::{Reader, SettingsError, invalid};
use super::security::{Identity, Security};
use super::sources::Raw;
use super::urls::{Url, parse_members};

/// etcd's limit on the election timeout.
const MAX_ELECTION_MS: u64 = 50_000;
/// Heartbeats that must fit into an election timeout.
const HEARTBEATS_PER_ELECTION: u64 = 5;
/// bcrypt's own range.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Under which name the program runs, for what differs: defaults, and exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persona {
    /// `coracle store`.
    Coracle,
    /// A link called `etcd`.
    Etcd,
}

#[derive(Debug)]
pub struct Settings {
    pub name: String,
    pub data_dir: Option<PathBuf>,
    pub wal_dir: Option<PathBuf>,
    pub listen: Listen,
    /// `None`: where it listens.
    pub advertise_clients: Option<Vec<Url>>,
    pub advertise_peers: Option<Vec<Url>>,
    pub cluster: ClusterSettings,
    pub security: Security,
    pub limits: Limits,
    pub care: store::care::Settings,
    pub users: UserSettings,
    pub watch_progress_interval: Duration,
    pub fsync: bool,
    pub lock_memory: bool,
    pub gateway: bool,
    pub log: LogSettings,
    /// What the operator should know of these settings.
    pub notes: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Listen {
    pub clients: Vec<Url>,
    /// HTTP alone; empty: with gRPC on `clients`.
    pub http: Vec<Url>,
    pub peers: Vec<Url>,
    pub metrics: Vec<Url>,
    pub reuse_port: bool,
    /// Which web pages may read what HTTP answers.
    pub origins: Origins,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// As written: it only matters to the first start, and may be stale later.
    pub initial: Option<String>,
    pub state: InitialState,
    pub token: String,
    pub heartbeat_interval: Duration,
    pub election_timeout: Duration,
    pub pre_vote: bool,
    pub strict_reconfig: bool,
    pub max_learners: usize,
    pub force_new: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Limits {
    pub request_bytes: usize,
    pub txn_ops: usize,
    pub connection: ConnectionLimits,
}

#[derive(Debug, PartialEq, Eq)]
pub struct UserSettings {
    /// `simple`, or `jwt,…`.
    pub token: String,
    pub token_ttl: Duration,
    pub bcrypt_cost: u32,
    /// Whether the common name of a client's certificate names a user.
    pub certified: bool,
}

impl Settings {
    pub fn from(raw: &Raw, persona: Persona) -> Result<Self, SettingsError> {
        let reader = Reader(raw);
        let mut notes = raw.warnings.clone();
        notes.extend(reader.unsupported()?);
        let security = Security::read(&reader, &mut notes)?;
        let listen = listen(&reader)?;
        check_schemes(&listen, &security, &mut notes)?;
        let advertise_clients = reader.advertised_urls("advertise-client-urls")?;
        let unnamed = advertise_clients.is_none() && reader.text("listen-client-urls").is_some();
        if persona == Persona::Etcd && unnamed {
            return Err(SettingsError::Conflict(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
                    .to_owned(),
            ));
        }
        let default_format = match persona {
            Persona::Coracle => Format::Console,
            Persona::Etcd => Format::Json,
        };
        Ok(Self {
            name: reader.text("name").unwrap_or("default").to_owned(),
            data_dir: reader.path("data-dir"),
            wal_dir: reader.path("wal-dir"),
            listen,
            advertise_clients,
            advertise_peers: reader.advertised_urls("initial-advertise-peer-urls")?,
            cluster: cluster(&reader)?,
            security,
            limits: limits(&reader)?,
            care: care(&reader, &mut notes)?,
            users: users(&reader)?,
            watch_progress_interval: reader
                .duration("watch-progress-notify-interval", Duration::from_secs(600))?,
            fsync: !reader.switch("unsafe-no-fsync", false)?,
            lock_memory: reader.switch("memory-mlock", false)?,
            gateway: reader.switch("enable-grpc-gateway", true)?,
            log: LogSettings::read(&reader, default_format)?,
            notes,
        })
    }

    /// The founding members, for a first start: `--initial-cluster`, or this member alone at
    /// `peer_urls`, which it advertises.
    pub fn founders(&self, peer_urls: &[String]) -> Result<Vec<InitialMember>, SettingsError> {
        let Some(text) = &self.cluster.initial else {
            let (name, peer_urls) = (self.name.clone(), peer_urls.to_vec());
            return Ok(vec![InitialMember { name, peer_urls }]);
        };
        let conflict = |text: String| Err(SettingsError::Conflict(text));
        let members = parse_members(text).map_err(|error| SettingsError::Invalid {
            text: text.clone(),
            source_name: "--initial-cluster".to_owned(),
            reason: error.to_string(),
        })?;
        let members: Vec<InitialMember> = members
            .into_iter()
            .map(|(name, urls)| InitialMember {
                name,
                peer_urls: urls.iter().map(Url::to_string).collect(),
            })
            .collect();
        let Some(own) = members.iter().find(|member| member.name == self.name) else {
            return conflict(format!(
                "couldn't find local name {:?} in the initial cluster configuration",
                self.name
            ));
        };
        let mut urls: Vec<&String> = members.iter().flat_map(|member| &member.peer_urls).collect();
        urls.sort();
        if urls.windows(2).any(|pair| pair[0] == pair[1]) {
            return conflict(format!("initial cluster {text} has duplicate url"));
        }
        if self.cluster.state == InitialState::New {
            self.check_advertised(own, peer_urls)?;
        }
        Ok(members)
    }

    /// What the cluster is told of this member must be what it tells itself, in etcd's words.
    fn check_advertised(
        &self,
        own: &InitialMember,
        advertised: &[String],
    ) -> Result<(), SettingsError> {
        let lacking = |left: &[String], right: &[String]| -> Vec<String> {
            left.iter().filter(|url| !right.contains(url)).cloned().collect()
        };
        let unadvertised = lacking(&own.peer_urls, advertised);
        if !unadvertised.is_empty() {
            let named: Vec<_> =
                unadvertised.iter().map(|url| format!("{}={url}", self.name)).collect();
            return Err(SettingsError::Conflict(format!(
                "--initial-cluster has {} but missing from --initial-advertise-peer-urls={}",
                named.join(","),
                advertised.join(",")
            )));
        }
        let unnamed = lacking(advertised, &own.peer_urls);
        if !unnamed.is_empty() {
            return Err(SettingsError::Conflict(format!(
                "--initial-advertise-peer-urls has {} but missing from --initial-cluster={}",
                unnamed.join(","),
                self.cluster.initial.as_deref().unwrap_or_default()
            )));
        }
        Ok(())
    }
}

fn default_url(text: &str) -> Vec<Url> {
    vec![text.parse().expect("etcd's defaults are URLs")]
}

fn listen(reader: &Reader<'_>) -> Result<Listen, SettingsError> {
    let clients = reader.listen_urls("listen-client-urls")?;
    let peers = reader.listen_urls("listen-peer-urls")?;
    let origins = reader.list("cors");
    let any = origins.is_empty() || origins.iter().any(|origin| origin == "*");
    let listen = Listen {
        origins: if any { Origins::Any } else { Origins::Only(origins.into_iter().collect()) },
        clients: clients.unwrap_or_else(|| default_url("http://localhost:2379")),
        http: reader.listen_urls("listen-client-http-urls")?.unwrap_or_default(),
        peers: peers.unwrap_or_else(|| default_url("http://localhost:2380")),
        metrics: reader.listen_urls("listen-metrics-urls")?.unwrap_or_default(),
        reuse_port: reader.switch("socket-reuse-port", false)?,
    };
    if let Some(url) = listen.http.iter().find(|url| listen.clients.contains(url)) {
        return Err(SettingsError::Conflict(format!(
            "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url \
             {url}"
        )));
    }
    Ok(listen)
}

/// A secure URL needs a certificate; a certificate on a plain URL protects nobody.
fn check_schemes(
    listen: &Listen,
    security: &Security,
    notes: &mut Vec<String>,
) -> Result<(), SettingsError> {
    let clients = listen.clients.iter().chain(&listen.http);
    let sides = [
        ("client", "--cert-file, --key-file", &security.clients, clients.collect::<Vec<_>>()),
        ("metrics", "--cert-file, --key-file", &security.clients, listen.metrics.iter().collect()),
        (
            "peer",
            "--peer-cert-file, --peer-key-file",
            &security.peers,
            listen.peers.iter().collect(),
        ),
    ];
    for (purpose, flags, side, urls) in sides {
        let has_identity = side.identity != Identity::None;
        for url in urls {
            match (url.scheme.is_secure(), has_identity) {
                (true, false) => {
                    return Err(SettingsError::Conflict(format!(
                        "TLS key/cert ({flags}) must be provided for {purpose} url {url} with \
                         HTTPS scheme"
                    )));
                }
                (false, true) if purpose != "metrics" => notes.push(format!(
                    "scheme is http or unix while key and cert files are present; ignoring key \
                     and cert files for {purpose} url {url}"
                )),
                (false, _) if !url.is_local() && !url.scheme.is_unix() && purpose != "metrics" => {
                    notes.push(format!(
                        "{purpose} traffic on {url} is not encrypted, and whoever reaches the \
                         port may read and write everything; use https with {flags}"
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn cluster(reader: &Reader<'_>) -> Result<ClusterSettings, SettingsError> {
    let state = match reader.text("initial-cluster-state") {
        None | Some("new") => InitialState::New,
        Some("existing") => InitialState::Existing,
        Some(other) => {
            return Err(SettingsError::Conflict(format!("unexpected clusterState {other:?}")));
        }
    };
    let heartbeat: u64 = reader.number("heartbeat-interval", 100)?;
    let election: u64 = reader.number("election-timeout", 1000)?;
    check_times(heartbeat, election)?;
    Ok(ClusterSettings {
        initial: reader.text("initial-cluster").map(str::to_owned),
        state,
        token: reader.text("initial-cluster-token").unwrap_or("etcd-cluster").to_owned(),
        heartbeat_interval: Duration::from_millis(heartbeat),
        election_timeout: Duration::from_millis(election),
        pre_vote: reader.switch("pre-vote", true)?,
        strict_reconfig: reader.switch("strict-reconfig-check", true)?,
        max_learners: reader.number("max-learners", 1)?,
        force_new: reader.switch("force-new-cluster", false)?,
    })
}

/// In milliseconds, in etcd's words.
fn check_times(heartbeat: u64, election: u64) -> Result<(), SettingsError> {
    let refusal = if heartbeat == 0 {
        "--heartbeat-interval must be >0 (set to 0ms)".to_owned()
    } else if election == 0 {
        "--election-timeout must be >0 (set to 0ms)".to_owned()
    } else if heartbeat.saturating_mul(HEARTBEATS_PER_ELECTION) > election {
        format!(
            "--election-timeout[{election}ms] should be at least as 5 times as \
             --heartbeat-interval[{heartbeat}ms]"
        )
    } else if election > MAX_ELECTION_MS {
        format!(
            "--election-timeout[{election}ms] is too long, and should be set less than \
             {MAX_ELECTION_MS}ms"
        )
    } else {
        return Ok(());
    };
    Err(SettingsError::Conflict(refusal))
}

fn limits(reader: &Reader<'_>) -> Result<Limits, SettingsError> {
    let interval = reader.duration("grpc-keepalive-interval", Duration::from_secs(2 * 60 * 60))?;
    let timeout = reader.duration("grpc-keepalive-timeout", Duration::from_secs(20))?;
    let pings = !interval.is_zero() && !timeout.is_zero();
    Ok(Limits {
        request_bytes: reader.number("max-request-bytes", store::DEFAULT_MAX_REQUEST_BYTES)?,
        txn_ops: reader.number("max-txn-ops", store::DEFAULT_MAX_TXN_OPS)?,
        connection: ConnectionLimits {
            max_streams: reader.number("max-concurrent-streams", u32::MAX)?,
            keepalive: pings.then_some(Keepalive { interval, timeout }),
        },
    })
}

fn care(
    reader: &Reader<'_>,
    notes: &mut Vec<String>,
) -> Result<store::care::Settings, SettingsError> {
    let gates = Gates::read(reader, notes)?;
    let mode = reader.text("auto-compaction-mode").unwrap_or("periodic");
    let retention = reader.text("auto-compaction-retention").unwrap_or("0");
    let auto_compaction = AutoCompaction::parse(mode, retention)
        .map_err(|error| SettingsError::Conflict(error.to_string()))?;
    let hash_check_time = reader.duration("compact-hash-check-time", Duration::from_secs(60))?;
    if hash_check_time.is_zero() {
        let refusal = "--compact-hash-check-time must be >0 (set to 0s)";
        return Err(SettingsError::Conflict(refusal.to_owned()));
    }
    Ok(store::care::Settings {
        quota_bytes: reader.number("quota-backend-bytes", 0)?,
        auto_compaction,
        initial_corrupt_check: gates.initial_corrupt_check,
        corrupt_check_time: reader.duration("corrupt-check-time", Duration::ZERO)?,
        compact_hash_check: gates.compact_hash_check.then_some(hash_check_time),
        lease_checkpoints: LeaseCheckpoints {
            enabled: gates.lease_checkpoint,
            ..LeaseCheckpoints::default()
        },
        snapshot_count: reader.number("snapshot-count", 0)?,
        snapshot_catchup_entries: reader
            .number("snapshot-catchup-entries", store::care::DEFAULT_SNAPSHOT_CATCHUP_ENTRIES)?,
        warning_apply_duration: reader
            .duration("warning-apply-duration", Duration::from_millis(100))?,
        warning_unary_request_duration: reader
            .duration("warning-unary-request-duration", Duration::from_millis(300))?,
        ..store::care::Settings::default()
    })
}

/// `--feature-gates`, and the flags that say the same.
struct Gates {
    initial_corrupt_check: bool,
    compact_hash_check: bool,
    lease_checkpoint: bool,
}

impl Gates {
    fn read(reader: &Reader<'_>, notes: &mut Vec<String>) -> Result<Self, SettingsError> {
        let mut gates = Self {
            initial_corrupt_check: reader.switch("initial-corrupt-check", false)?,
            compact_hash_check: reader.switch("compact-hash-check-enabled", false)?,
            lease_checkpoint: reader.switch("enable-lease-checkpoint", false)?,
        };
        let mut persist = reader.switch("enable-lease-checkpoint-persist", false)?;
        for gate in reader.list("feature-gates") {
            let given = reader.given("feature-gates").expect("it has gates");
            let refuse = |reason: &str| Err(invalid(given, format!("{gate}: {reason}")));
            let Some((name, text)) = gate.split_once('=') else {
                return refuse("name=true or name=false is expected");
            };
            let Some(on) = super::sources::boolean(text.trim()) else {
                return refuse("true or false is expected");
            };
            match name.trim() {
                "InitialCorruptCheck" => gates.initial_corrupt_check = on,
                "CompactHashCheck" => gates.compact_hash_check = on,
                "LeaseCheckpoint" => gates.lease_checkpoint = on,
                "LeaseCheckpointPersist" => persist = on,
                name @ ("StopGRPCServiceOnDefrag"
                | "TxnModeWriteWithSharedBuffer"
                | "FastLeaseKeepAlive"
                | "PriorityRequest") => {
                    notes.push(format!("feature gate {name} has no effect in this store"));
                }
                "SetMemberLocalAddr" if !on => {}
                "SetMemberLocalAddr" => return refuse("this build does not choose that address"),
                _ => return refuse("unrecognized feature gate"),
            }
        }
        if persist && !gates.lease_checkpoint {
            return Err(SettingsError::Conflict(
                "enabling feature gate LeaseCheckpointPersist requires enabling feature gate \
                 LeaseCheckpoint"
                    .to_owned(),
            ));
        }
        Ok(gates)
    }
}

fn users(reader: &Reader<'_>) -> Result<UserSettings, SettingsError> {
    let bcrypt_cost = reader.number("bcrypt-cost", 10)?;
    if let (false, Some(given)) = (BCRYPT_COSTS.contains(&bcrypt_cost), reader.given("bcrypt-cost"))
    {
        return Err(invalid(given, "4 to 31 is expected".to_owned()));
    }
    Ok(UserSettings {
        token: reader.text("auth-token").unwrap_or("simple").to_owned(),
        token_ttl: Duration::from_secs(reader.number("auth-token-ttl", 300)?),
        bcrypt_cost,
        certified: reader.switch("client-cert-auth", false)?,
    })
}
