//! The write-behind home: what it holds after each step, and what it does in doubt.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::engine::{Engine, Entry, Op};
use super::mailbox::{Mailbox, View};
use super::start::{open, read_home};
use super::thread::{Behind, Home, Writer};
use crate::command::Command;
use crate::mvcc::{Identity, Machine, State};
use crate::raft::types::{StoredMembership, log_id};
use crate::*;

pub(super) const IDENTITY: Identity = Identity { cluster_id: 1, member_id: 2 };

/// An engine in memory, seen from outside, that fails on request.
#[derive(Clone, Default)]
struct Shared {
    map: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl Engine for Shared {
    fn write(&mut self, batch: Vec<Op>) -> io::Result<()> {
        let mut map = self.map.lock().expect("not poisoned");
        for op in batch {
            match op {
                Op::Put(key, value) => drop(map.insert(key, value)),
                Op::Remove(key) => drop(map.remove(&key)),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.map.lock().expect("not poisoned").get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> io::Result<Vec<Entry>> {
        let map = self.map.lock().expect("not poisoned");
        let range = map.range(from.to_vec()..to.to_vec());
        Ok(range.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn bytes(&self) -> u64 {
        0
    }
}

fn writer(engine: Shared) -> Writer {
    let home = Home::Open(Box::new(engine), None);
    Writer::new(PathBuf::from("unused"), IDENTITY, home, Arc::new(Mailbox::default()))
}

pub(super) fn view(machine: &Machine, index: u64) -> View {
    View {
        applied: log_id(1, index),
        membership: Arc::new(StoredMembership::default()),
        state: machine.state().clone(),
    }
}

pub(super) fn put(key: String, value: String, lease: i64) -> Command {
    let (key, value) = (key.into(), value.into());
    Command::Put(PutRequest { key, value, lease, ..PutRequest::default() })
}

/// All that can be read of a state.
pub(super) fn contents(state: &State) -> impl PartialEq + std::fmt::Debug + use<> {
    let everything = KeyRange::prefix("");
    let first = state.compacted.max(1);
    let ranges: Vec<Vec<KeyValue>> = (first..=state.revision)
        .map(|revision| state.at(&everything, revision).collect())
        .collect();
    let changes: Vec<(i64, Vec<Event>)> = state
        .changes_from(first)
        .map(|(revision, changes)| (revision, changes.events.iter().cloned().collect()))
        .collect();
    let leases: Vec<_> = state.leases().map(|(id, lease)| (id, lease.as_ref().clone())).collect();
    (state.revision, state.compacted, ranges, changes, leases)
}

/// An engine on a disk that fails. As sled, it does not end well after that.
struct Broken {
    map: Shared,
    takes_writes: bool,
}

impl Engine for Broken {
    fn write(&mut self, batch: Vec<Op>) -> io::Result<()> {
        match self.takes_writes {
            true => self.map.write(batch),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("the disk fails"))
    }

    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.map.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> io::Result<Vec<Entry>> {
        self.map.scan(from, to, limit)
    }

    fn bytes(&self) -> u64 {
        0
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        std::process::abort();
    }
}

#[tokio::test]
async fn a_home_that_failed_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut machine = Machine::new(IDENTITY, State::default());
    drop(machine.apply(1, put("a".to_owned(), "1".to_owned(), 0)));
    let anew = directory.path().join("sled");
    std::fs::create_dir(&anew).expect("made");
    for (dir, takes_writes) in
        [(PathBuf::from("unused"), true), (anew, false), (PathBuf::from("/dev/null/never"), false)]
    {
        let mailbox = Arc::new(Mailbox::default());
        let engine = Broken { map: Shared::default(), takes_writes };
        let home = Home::Open(Box::new(engine), None);
        let behind = Behind::start(dir, IDENTITY, home, Arc::clone(&mailbox)).expect("a thread");
        mailbox.put(view(&machine, 1));
        behind.stop().await;
    }
}

#[test]
fn the_home_follows_the_state_step_by_step() {
    let engine = Shared::default();
    let mut writer = writer(engine.clone());
    let mut machine = Machine::new(IDENTITY, State::default());
    let apply = |machine: &mut Machine, index: u64| {
        let step = index as i64;
        let command = match index % 17 {
            3 => Command::LeaseGrant { id: step, ttl: 50 },
            5 => put(format!("leased{}", index % 3), index.to_string(), step - 2),
            9 if index > 40 => Command::LeaseRevoke { id: step - 6 - 17 },
            11 => Command::DeleteRange(DeleteRangeRequest {
                range: KeyRange::prefix(format!("key{}", index % 4)),
                prev_kv: false,
            }),
            13 => Command::Compact { revision: machine.state().revision - 6 },
            15 => Command::Compact { revision: machine.state().revision },
            _ => put(format!("key{}", index % 7), index.to_string(), 0),
        };
        drop(machine.apply(1, command));
    };
    for index in 1..400 {
        apply(&mut machine, index);
        // Now and then several commands come as one view, as they do under load.
        if index % 5 == 0 || index > 300 {
            writer.write(&view(&machine, index)).expect("the engine works");
            let held = read_home(&engine, IDENTITY).expect("it is readable").expect("it is there");
            assert_eq!(held.meta.last_log, Some((1, index)));
            assert_eq!(contents(&held.state), contents(machine.state()), "after {index}");
        }
    }
    // Compaction far past the home makes it be written anew.
    for index in 400..420 {
        apply(&mut machine, index);
    }
    drop(machine.apply(1, Command::Compact { revision: machine.state().revision }));
    writer.write(&view(&machine, 420)).expect("the engine works");
    let held = read_home(&engine, IDENTITY).expect("it is readable").expect("it is there");
    assert_eq!(contents(&held.state), contents(machine.state()));
    let of_another = Identity { member_id: 3, ..IDENTITY };
    assert!(read_home(&engine, of_another).expect("it is readable").is_none());
}

#[test]
fn a_home_with_a_hole_is_doubted() {
    let engine = Shared::default();
    let mut writer = writer(engine.clone());
    let mut machine = Machine::new(IDENTITY, State::default());
    for index in 1..10 {
        drop(machine.apply(1, put(format!("key{index}"), "x".into(), 0)));
    }
    writer.write(&view(&machine, 9)).expect("the engine works");
    let whole = engine.map.lock().expect("not poisoned").clone();
    assert!(read_home(&engine, IDENTITY).is_ok());
    for missing in whole.keys().filter(|key| *key != b"m") {
        let mut damaged = whole.clone();
        damaged.remove(missing);
        *engine.map.lock().expect("not poisoned") = damaged;
        assert!(read_home(&engine, IDENTITY).is_err(), "without {missing:?}");
    }
}

async fn open_store(dir: &std::path::Path) -> Arc<Embedded> {
    // The home is opened at once, and read however little there is to replay.
    let write_behind = WriteBehind { open_delay: Duration::ZERO, read_from_entries: 0 };
    let config = Config { data_dir: Some(dir.to_owned()), write_behind, ..Config::default() };
    Embedded::open(config).await.expect("the store opens")
}

async fn fill(store: &Embedded, from: usize) {
    for at in from..from + 50 {
        let key = format!("key{}", at % 13).into();
        let value = format!("value{at}").into();
        store.put(PutRequest { key, value, ..PutRequest::default() }).await.expect("a put");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_starts_from_its_home_and_survives_the_loss_of_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data_dir = dir.path().join("store");
    let store = open_store(&data_dir).await;
    fill(&store, 0).await;
    let identity = store.published.identity;
    let applied = store.published.applied_index();
    let before = store.published.state.load_full();
    store.shutdown().await;
    let (engine, held) = open(&data_dir.join("sled"), identity);
    let held = held.expect("the home holds the state");
    assert_eq!(held.meta.last_log.map(|(_, index)| index), Some(applied));
    assert_eq!(contents(&held.state), contents(&before));
    drop(engine);

    let store = open_store(&data_dir).await;
    assert_eq!(contents(&store.published.state.load()), contents(&before));
    fill(&store, 50).await;
    let before = store.published.state.load_full();
    store.shutdown().await;
    // Whatever happens to the home, the log has everything.
    for file in walk(&data_dir.join("sled")) {
        std::fs::write(file, b"garbage").expect("the file is written");
    }
    let store = open_store(&data_dir).await;
    assert_eq!(contents(&store.published.state.load()), contents(&before));
    fill(&store, 100).await;
    let before = store.published.state.load_full();
    store.shutdown().await;
    std::fs::remove_dir_all(data_dir.join("sled")).expect("the home is removed");
    let store = open_store(&data_dir).await;
    assert_eq!(contents(&store.published.state.load()), contents(&before));
    store.shutdown().await;
}

pub(super) fn walk(dir: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the directory is readable");
    entries
        .flat_map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_ahead_of_the_log_is_not_believed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data_dir = dir.path().join("store");
    let wal = data_dir.join("wal");
    let kept = dir.path().join("kept");
    let store = open_store(&data_dir).await;
    fill(&store, 0).await;
    let before = store.published.state.load_full();
    store.shutdown().await;
    copy(&wal, &kept);
    let store = open_store(&data_dir).await;
    fill(&store, 50).await;
    store.shutdown().await;
    std::fs::remove_dir_all(&wal).expect("the log is removed");
    copy(&kept, &wal);
    // It tells of the log that is gone now, and would have this one refused.
    std::fs::remove_file(data_dir.join("wal.synced")).expect("the mark is removed");
    let store = open_store(&data_dir).await;
    assert_eq!(contents(&store.published.state.load()), contents(&before));
    store.shutdown().await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).expect("the directory is created");
    for file in walk(from) {
        let name = file.file_name().expect("a file has a name");
        std::fs::copy(&file, to.join(name)).expect("the file is copied");
    }
}
