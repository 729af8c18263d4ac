//! Writes under which things happen, and what is left of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::remote::Remote;
use store::{KeyRange, PutRequest, RangeRequest, RequestOp, Store, Txn};
use tokio::task::JoinHandle;

/// Transactions that each put one counter under two keys of a writer: a state in which they differ
/// is torn.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Vec<Arc<AtomicU64>>,
    writers: Vec<JoinHandle<()>>,
}

fn put(key: String, value: u64) -> RequestOp {
    // Some bytes, so that snapshots take a while.
    let value = format!("{value:0200}");
    RequestOp::Put(PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() })
}

impl Load {
    /// One writer on each of `stores`, until it is stopped.
    pub fn start(stores: Vec<Arc<Remote>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Vec<_> = stores.iter().map(|_| Arc::default()).collect();
        let writers =
            stores.into_iter().zip(&acknowledged).enumerate().map(|(writer, (store, last))| {
                tokio::spawn(write(writer, store, Arc::clone(last), Arc::clone(&stop)))
            });
        Self { writers: writers.collect(), stop, acknowledged }
    }

    /// Waits until every writer was acknowledged another `count`.
    pub async fn grow(&self, count: u64) {
        let goals: Vec<_> =
            self.acknowledged.iter().map(|last| last.load(Ordering::SeqCst) + count).collect();
        let grown = || {
            self.acknowledged
                .iter()
                .zip(&goals)
                .all(|(last, goal)| last.load(Ordering::SeqCst) >= *goal)
        };
        let deadline = tokio::time::Instant::now() + crate::member::PATIENCE;
        while !grown() {
            assert!(tokio::time::Instant::now() < deadline, "writes do not go on");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Ends it. The last counter of each writer that was acknowledged.
    pub async fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::SeqCst);
        for writer in self.writers {
            writer.await.expect("a writer ends in order");
        }
        self.acknowledged.iter().map(|last| last.load(Ordering::SeqCst)).collect()
    }
}

async fn write(writer: usize, store: Arc<Remote>, last: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let mut value = 0;
    while !stop.load(Ordering::SeqCst) {
        value += 1;
        let number = value % 50;
        let success = vec![
            put(format!("left/{writer}/{number:03}"), value),
            put(format!("right/{writer}/{number:03}"), value),
            put(format!("last/{writer}"), value),
        ];
        // While members go, some fail; what came of them is not known, and the next tells.
        if store.txn(Txn { success, ..Txn::default() }).await.is_ok() {
            last.store(value, Ordering::SeqCst);
        }
    }
}

/// What a store holds at a revision, 0 for the present: values and mod revisions by keys.
pub async fn contents(store: &Remote, revision: i64) -> (i64, BTreeMap<String, (String, i64)>) {
    let range = RangeRequest { range: KeyRange::prefix(""), revision, ..RangeRequest::default() };
    let answer = store.range(range).await.expect("it is read");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys = answer.kvs.iter().map(|kv| (text(&kv.key), (text(&kv.value), kv.mod_revision)));
    (answer.header.revision, keys.collect())
}

/// Panics if a transaction is there in part.
pub fn assert_whole(contents: &BTreeMap<String, (String, i64)>) {
    for (key, left) in contents.iter().filter(|(key, _)| key.starts_with("left/")) {
        let right = contents.get(&key.replace("left/", "right/"));
        assert_eq!(right, Some(left), "{key} was torn from its other half");
    }
}

/// Panics if anything is missing that was acknowledged.
pub fn assert_kept(contents: &BTreeMap<String, (String, i64)>, acknowledged: &[u64]) {
    for (writer, last) in acknowledged.iter().enumerate() {
        let (kept, _) = &contents[&format!("last/{writer}")];
        let kept: u64 = kept.parse().expect("a counter");
        assert!(kept >= *last, "writer {writer}: {last} was acknowledged, {kept} is there");
    }
}
