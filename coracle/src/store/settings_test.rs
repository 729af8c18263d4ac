//! Settings from flags, by table.

use std::time::Duration;

use store::care::AutoCompaction;

use super::log::{Format, Output};
use super::security::Identity;
use super::settings::{Persona, Settings};
use super::sources::{Asked, arguments};

fn settings(persona: Persona, list: &[&str]) -> Result<Settings, String> {
    let list: Vec<String> = list.iter().map(|text| (*text).to_owned()).collect();
    match arguments(&list).map_err(|error| error.to_string())? {
        Asked::Run(raw) => Settings::from(&raw, persona).map_err(|error| error.to_string()),
        other => panic!("{other:?}"),
    }
}

fn taken(list: &[&str]) -> Settings {
    settings(Persona::Coracle, list).expect("valid settings")
}

fn refusal(list: &[&str]) -> String {
    settings(Persona::Coracle, list).expect_err("refused")
}

#[test]
fn without_flags_a_member_is_what_etcd_is() {
    let settings = settings(Persona::Etcd, &[]).expect("valid settings");
    assert_eq!(settings.name, "default");
    assert_eq!(settings.listen.clients[0].to_string(), "http://localhost:2379");
    assert_eq!(settings.listen.peers[0].to_string(), "http://localhost:2380");
    assert_eq!(settings.cluster.election_timeout, Duration::from_secs(1));
    assert!(settings.cluster.pre_vote && settings.cluster.strict_reconfig && settings.fsync);
    assert_eq!((settings.limits.request_bytes, settings.limits.txn_ops), (1_572_864, 128));
    assert_eq!(settings.limits.connection, store::server::ConnectionLimits::default());
    assert_eq!(settings.log.format, Format::Json);
    assert_eq!(settings.notes, Vec::<String>::new());
}

#[test]
fn settings_are_what_was_given() {
    let settings = taken(&[
        "--name=a",
        "--heartbeat-interval=200",
        "--election-timeout=2000",
        "--auto-compaction-retention=2",
        "--quota-backend-bytes=-1",
        "--feature-gates=CompactHashCheck=true,InitialCorruptCheck=true",
        "--experimental-compact-hash-check-time=5s",
        "--grpc-keepalive-interval=0",
        "--log-outputs=stdout,/tmp/x.log",
        "--cert-file=c",
        "--key-file=k",
        "--listen-client-urls=https://127.0.0.1:1,unix:///tmp/s",
        "--experimental-watch-progress-notify-interval=1m30s",
    ]);
    assert_eq!(settings.cluster.heartbeat_interval, Duration::from_millis(200));
    assert_eq!(
        settings.care.auto_compaction,
        AutoCompaction::Periodic(Duration::from_secs(2 * 3600))
    );
    assert_eq!(settings.care.quota_bytes, -1);
    assert_eq!(settings.care.compact_hash_check, Some(Duration::from_secs(5)));
    assert!(settings.care.initial_corrupt_check);
    assert_eq!(settings.limits.connection.keepalive, None);
    assert_eq!(settings.log.outputs, [Output::Stdout, Output::File("/tmp/x.log".into())]);
    assert!(matches!(settings.security.clients.identity, Identity::Files(_)));
    assert_eq!(settings.watch_progress_interval, Duration::from_secs(90));
}

#[test]
fn refusals_name_the_value_and_the_flag() {
    for (list, told) in [
        (&["--heartbeat-interval=x"][..], "invalid value \"x\" for --heartbeat-interval"),
        (&["--heartbeat-interval=0"], "--heartbeat-interval must be >0 (set to 0ms)"),
        (
            &["--heartbeat-interval=300"],
            "--election-timeout[1000ms] should be at least as 5 times as \
             --heartbeat-interval[300ms]",
        ),
        (&["--election-timeout=60000"], "is too long, and should be set less than 50000ms"),
        (&["--listen-client-urls=127.0.0.1:1"], "for --listen-client-urls: URL scheme must be"),
        (&["--listen-peer-urls=http://a:1"], "expected IP in URL for binding (http://a:1)"),
        (
            &["--listen-client-urls=https://127.0.0.1:1"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url \
             https://127.0.0.1:1 with HTTPS scheme",
        ),
        (&["--cert-file=a"], "--key-file"),
        (&["--peer-client-cert-auth"], "--peer-client-cert-auth needs --peer-trusted-ca-file"),
        (&["--peer-cert-allowed-cn=a"], "--peer-cert-allowed-cn needs --peer-trusted-ca-file"),
        (
            &[
                "--trusted-ca-file=c",
                "--client-cert-allowed-cn=a",
                "--client-cert-allowed-hostname=b",
            ],
            "mutually exclusive",
        ),
        (&["--tls-min-version=TLS1.1"], "TLS1.2 or TLS1.3 is expected"),
        (
            &["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
            "min version (TLS1.3) is greater than max version (TLS1.2)",
        ),
        (&["--cipher-suites=TLS_X"], "unexpected TLS cipher suite \"TLS_X\""),
        (&["--auto-compaction-mode=often"], "unknown auto-compaction-mode \"often\""),
        (&["--initial-cluster-state=old"], "unexpected clusterState \"old\""),
        (&["--corrupt-check-time=soon"], "a duration such as 5m"),
        (&["--discovery-srv=example.com"], "--discovery-srv=example.com is not supported"),
        (&["--enable-pprof"], "--enable-pprof=true is not supported"),
        (&["--logger=capnslog"], "zap is the only logger"),
        (&["--log-level=loud"], "debug, info, warn"),
        (&["--feature-gates=Wings=true"], "unrecognized feature gate"),
        (&["--bcrypt-cost=50"], "4 to 31"),
    ] {
        let error = refusal(list);
        assert!(error.contains(told), "{list:?}: {error}");
    }
    let error = settings(Persona::Etcd, &["--listen-client-urls=http://127.0.0.1:1"]);
    assert_eq!(
        error.err().as_deref(),
        Some("--advertise-client-urls is required when --listen-client-urls is set explicitly")
    );
}

#[test]
fn what_is_known_and_harmless_is_told() {
    let notes =
        taken(&["--max-wals=3", "--backend-batch-limit=10", "--discovery-fallback=exit"]).notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().all(|note| note.contains("has no effect")), "{notes:?}");
    let open = taken(&["--listen-client-urls=http://0.0.0.0:1"]).notes;
    assert!(open.iter().any(|note| note.contains("not encrypted")), "{open:?}");
    assert!(taken(&["--max-wals=5", "--enable-pprof=false"]).notes.is_empty());
}

#[test]
fn founders_are_checked_as_etcd_checks_them() {
    let urls = |list: &[&str]| list.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
    let own = urls(&["http://10.0.0.1:2380"]);
    let founders = |list: &[&str]| {
        let founders = taken(list).founders(&own);
        founders.map_err(|error| error.to_string())
    };
    let alone = founders(&["--name=a"]).expect("alone");
    assert_eq!((alone.len(), &alone[0].peer_urls), (1, &own));
    let three = "b=http://10.0.0.2:2380,a=http://10.0.0.1:2380,c=http://10.0.0.3:2380";
    assert_eq!(founders(&["--name=a", "--initial-cluster", three]).expect("three").len(), 3);
    for (name, cluster, told) in [
        ("d", three, "couldn't find local name \"d\" in the initial cluster configuration"),
        (
            "b",
            three,
            "--initial-cluster has b=http://10.0.0.2:2380 but missing from \
                      --initial-advertise-peer-urls=http://10.0.0.1:2380",
        ),
        ("a", "a=http://10.0.0.1:2380,b=http://10.0.0.1:2380", "has duplicate url"),
        ("a", "a=10.0.0.1", "URL scheme must be"),
    ] {
        let error = founders(&["--name", name, "--initial-cluster", cluster]).expect_err("refused");
        assert!(error.contains(told), "{error}");
    }
}
