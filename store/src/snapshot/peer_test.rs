//! Data moved out of and into a real etcd, with the tools that it comes with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::*;
use crate::remote::testing::Etcd;
use crate::remote::{Options, Remote};
use crate::*;

/// Attempts to reach an etcd that is starting, and the pause between them.
const ATTEMPTS: usize = 600;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// A real etcd on a directory that is there.
struct Restored {
    process: std::process::Child,
    endpoint: String,
}

impl Restored {
    fn start(program: &Path, dir: &Path) -> Self {
        let [client, peer] = [(); 2].map(|()| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            format!("http://{}", listener.local_addr().expect("it is bound"))
        });
        let process = Command::new(program)
            .args(["--log-level", "error", "--data-dir"])
            .arg(dir)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
            .spawn()
            .expect("etcd starts");
        Self { process, endpoint: client }
    }

    async fn connect(&mut self) -> Arc<Remote> {
        let options = Options {
            endpoints: vec![self.endpoint.clone()],
            tls: None,
            connect_timeout: std::time::Duration::from_secs(5),
        };
        for _ in 0..ATTEMPTS {
            let ended = self.process.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "etcd ended: {ended:?}");
            if let Ok(remote) = Remote::connect(&options).await
                && remote.status().await.is_ok_and(|status| status.leader != 0)
            {
                return remote;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("etcd at {} does not answer", self.endpoint);
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|program| program.is_file())
}

/// The programs of one etcd version. Before 3.5 etcdctl does what etcdutl does since.
struct Tools {
    etcd: PathBuf,
    etcdctl: PathBuf,
    etcdutl: PathBuf,
}

impl Tools {
    fn find() -> Option<Self> {
        let etcdctl = installed("etcdctl")?;
        let etcdutl = installed("etcdutl").unwrap_or_else(|| etcdctl.clone());
        Some(Self { etcd: installed("etcd")?, etcdctl, etcdutl })
    }
}

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(arguments)
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?} {arguments:?}: {text}{error}");
    text
}

fn put(key: &str, value: &str, lease: i64) -> PutRequest {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    PutRequest { key, value, lease, ..PutRequest::default() }
}

fn delete(key: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { range: KeyRange::single(key.to_owned()), prev_kv: false }
}

/// Generations, tombstones, transactions, leases, values over several pages, and a compaction whose
/// revision deleted a key.
async fn fill(store: &dyn Store) {
    store.lease_grant(5, 1000).await.expect("a lease is granted");
    store.lease_grant(0x7fff_ffff_0000_0001, 4000).await.expect("a lease is granted");
    for at in 0..150 {
        let request = put(&format!("key{:02}", at % 30), &"v".repeat(at * 60), 0);
        store.put(request).await.expect("a put is taken");
        if at % 10 == 9 {
            let request = delete(&format!("key{:02}", at % 7));
            store.delete_range(request).await.expect("a delete is taken");
        }
    }
    let ops = vec![
        RequestOp::Put(put("txn/a", "1", 5)),
        RequestOp::DeleteRange(delete("key11")),
        RequestOp::Put(put("txn/b", "2", 0)),
    ];
    let txn = Txn { success: ops, ..Txn::default() };
    let revision = store.txn(txn).await.expect("a transaction is taken").header.revision;
    store.compact(revision - 20).await.expect("a compaction is taken");
    store.put(put("leased", "x", 0x7fff_ffff_0000_0001)).await.expect("a put is taken");
    store.delete_range(delete("key12")).await.expect("a delete is taken");
}

/// Everything from the compaction on: each revision's keys, each change, the leases and their keys.
#[derive(Debug, PartialEq)]
struct World {
    revision: i64,
    ranges: Vec<Vec<KeyValue>>,
    changes: Vec<(i64, Vec<(EventType, KeyValue)>)>,
    leases: Vec<(i64, i64, Vec<bytes::Bytes>)>,
}

async fn world(store: &dyn Store, first: i64) -> World {
    let all = KeyRange::prefix("");
    let latest = RangeRequest { range: all.clone(), ..RangeRequest::default() };
    let revision = store.range(latest.clone()).await.expect("a range is read").header.revision;
    let mut ranges = Vec::new();
    for revision in first..=revision {
        let request = RangeRequest { revision, ..latest.clone() };
        ranges.push(store.range(request).await.expect("a range is read").kvs);
    }
    let refused = RangeRequest { revision: first - 1, ..latest };
    let error = store.range(refused).await.expect_err("what is compacted is refused");
    assert!(matches!(error, Error::Compacted { .. }), "{error}");
    let mut watch = store
        .watch(WatchRequest { range: all, start_revision: first })
        .await
        .expect("a watch is created");
    let mut changes = Vec::new();
    loop {
        match watch.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { revision: at, events } => {
                let told = |event: &Event| (event.event_type, KeyValue::clone(&event.kv));
                let events = events.iter().map(told);
                changes.push((at, events.collect()));
                if at >= revision {
                    break;
                }
            }
            WatchItem::Progress { .. } => {}
            other @ WatchItem::Compacted { .. } => panic!("{other:?}"),
        }
    }
    let mut leases = Vec::new();
    for id in [5, 0x7fff_ffff_0000_0001] {
        let lease = store.lease_time_to_live(id, true).await.expect("a lease is told");
        leases.push((id, lease.granted_ttl, lease.keys));
    }
    World { revision, ranges, changes, leases }
}

async fn ours(dir: PathBuf) -> Arc<Embedded> {
    let config = Config { data_dir: Some(dir), ..Config::default() };
    Embedded::open(config).await.expect("the store opens")
}

/// The compaction that [`fill`] makes.
const COMPACTED: i64 = 147;

fn restored_by_etcd(tools: &Tools, file: &Path, dir: &Path) {
    let (file, dir) = (file.to_str().expect("text"), dir.to_str().expect("text"));
    run(&tools.etcdutl, &["snapshot", "restore", file, "--data-dir", dir]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_moves_into_etcd_and_back() {
    let Some(tools) = Tools::find() else {
        eprintln!("SKIPPED: no etcd with etcdctl in PATH, so no data were moved in and out");
        return;
    };
    let files = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| files.path().join(name);
    // Etcd's own history into a store of ours.
    let mut etcd = Etcd::start(&tools.etcd);
    let remote = etcd.connect().await;
    fill(&*remote).await;
    let endpoint = format!("http://{}", etcd.address());
    let theirs = path("theirs.db");
    let file = theirs.to_str().expect("text");
    run(&tools.etcdctl, &["--endpoints", &endpoint, "snapshot", "save", file]);
    let before = world(&*remote, COMPACTED).await;
    drop(etcd);
    let told = status(&theirs).expect("the file is whole");
    assert_eq!((told.format, told.revision), (SnapshotFormat::Etcd, before.revision));
    restore(&theirs, path("ours"), RestoreOptions::default(), &|_| {}).expect("it is restored");
    let store = ours(path("ours")).await;
    assert_eq!(world(&*store, COMPACTED).await, before);
    // From there into an etcd again.
    store.put(put("more", "from here", 0)).await.expect("a put is taken");
    let before = world(&*store, COMPACTED).await;
    let mut reader = store.snapshot_as(SnapshotFormat::Etcd).await.expect("a snapshot is taken");
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece.expect("the snapshot is readable"));
    }
    store.shutdown().await;
    std::fs::write(path("ours.db"), bytes).expect("the file is written");
    restored_by_etcd(&tools, &path("ours.db"), &path("etcd"));
    let mut etcd = Restored::start(&tools.etcd, &path("etcd"));
    let remote = etcd.connect().await;
    assert_eq!(world(&*remote, COMPACTED).await, before);
    let revision = remote.put(put("last", "", 0)).await.expect("a put is taken").header.revision;
    assert_eq!(revision, before.revision + 1);
}

/// etcdutl tells of our file what we tell of it, and of its own.
#[test]
fn etcdutl_tells_the_same_of_a_file() {
    let Some(etcdutl) = installed("etcdutl") else {
        eprintln!("SKIPPED: no etcdutl in PATH, so no file was shown to it");
        return;
    };
    let files = tempfile::tempdir().expect("a temporary directory");
    let file = files.path().join("db");
    let mut machine = crate::mvcc::Machine::new(Default::default(), Default::default());
    for at in 0..400 {
        let request = put(&format!("k{}", at % 90), &"v".repeat(at * 11), 0);
        let _ = machine.apply(1, crate::command::Command::Put(request));
        if at % 9 == 8 {
            let request = delete(&format!("k{}", at % 5));
            let _ = machine.apply(1, crate::command::Command::DeleteRange(request));
        }
        if at == 200 {
            let _ = machine.apply(1, crate::command::Command::Compact { revision: 150 });
        }
    }
    super::etcd_test::write(&file, machine.state(), SnapshotFormat::Etcd);
    let name = file.to_str().expect("text");
    let theirs: serde_json::Value =
        serde_json::from_str(&run(&etcdutl, &["snapshot", "status", name, "-w", "json"]))
            .expect("it is JSON");
    let ours = status(&file).expect("the file is whole");
    assert_eq!(theirs["hash"], ours.hash);
    assert_eq!(theirs["revision"], ours.revision);
    assert_eq!(theirs["totalSize"], ours.total_size);
    let is_3_5 = theirs.get("version").is_none();
    if !is_3_5 {
        // 3.5 counts records of all buckets.
        assert_eq!(theirs["totalKey"], ours.total_keys);
        assert_eq!(theirs["version"], ours.version);
    }
    if is_3_5 {
        eprintln!("SKIPPED: this etcdutl has no hashkv");
        return;
    }
    // hashkv changes what it reads: on a copy, without the sha256.
    let bytes = std::fs::read(&file).expect("the file is there");
    let copy = files.path().join("copy");
    for revision in ["0", "160", "300"] {
        std::fs::write(&copy, &bytes[..bytes.len() - 32]).expect("the file is written");
        let ours = hash_kv(&copy, revision.parse().expect("a number")).expect("it is hashed");
        let name = copy.to_str().expect("text");
        let told = run(&etcdutl, &["hashkv", name, "--rev", revision, "-w", "json"]);
        let theirs: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
        assert_eq!(theirs["hash"], ours.hash, "at {revision}");
        assert_eq!(theirs["hashRevision"], ours.revision);
        assert_eq!(theirs["compactRevision"], ours.compact_revision);
    }
}
