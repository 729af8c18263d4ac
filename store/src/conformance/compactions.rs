//! Compaction, one rule each.

use super::*;
use crate::error::Error;

/// a at 2 and 3, gone at 4, back at 5; b at 6.
async fn fill(store: &dyn Store) {
    put(store, "a", "2").await;
    put(store, "a", "3").await;
    delete(store, single("a")).await;
    put(store, "a", "5").await;
    put(store, "b", "6").await;
}

async fn compact(store: &dyn Store, revision: i64) -> Header {
    store.compact(revision).await.expect("the compaction is accepted")
}

async fn read(store: &dyn Store, revision: i64) -> Result<Vec<(String, String)>, Error> {
    let request = RangeRequest { range: prefix(""), revision, ..RangeRequest::default() };
    store.range(request).await.map(|response| values(&response))
}

pub async fn it_takes_no_revision(store: &dyn Store) {
    fill(store).await;
    assert_eq!(compact(store, 3).await.revision, 6);
    assert_eq!(revision(store).await, 6);
}

pub async fn the_compact_revision_stays_readable(store: &dyn Store) {
    fill(store).await;
    compact(store, 3).await;
    assert_eq!(read(store, 3).await, Ok(pairs(&[("a", "3")])));
    assert!(matches!(read(store, 2).await, Err(Error::Compacted { .. })));
    assert!(matches!(read(store, 1).await, Err(Error::Compacted { .. })));
}

pub async fn later_revisions_stay_as_they_were(store: &dyn Store) {
    fill(store).await;
    compact(store, 3).await;
    assert_eq!(read(store, 4).await, Ok(vec![]));
    assert_eq!(read(store, 5).await, Ok(pairs(&[("a", "5")])));
    assert_eq!(read(store, 6).await, Ok(pairs(&[("a", "5"), ("b", "6")])));
}

pub async fn a_tombstone_at_the_compact_revision(store: &dyn Store) {
    fill(store).await;
    compact(store, 4).await;
    assert_eq!(read(store, 4).await, Ok(vec![]));
    assert_eq!(read(store, 5).await, Ok(pairs(&[("a", "5")])));
    assert!(matches!(read(store, 3).await, Err(Error::Compacted { .. })));
}

pub async fn the_current_revision_may_be_compacted(store: &dyn Store) {
    fill(store).await;
    compact(store, 6).await;
    assert_eq!(read(store, 6).await, Ok(pairs(&[("a", "5"), ("b", "6")])));
    assert_eq!(read(store, 0).await, Ok(pairs(&[("a", "5"), ("b", "6")])));
    assert!(matches!(read(store, 5).await, Err(Error::Compacted { .. })));
    assert_eq!(put(store, "c", "7").await, 7);
    assert_eq!(read(store, 6).await, Ok(pairs(&[("a", "5"), ("b", "6")])));
}

pub async fn the_past_is_compacted_once(store: &dyn Store) {
    fill(store).await;
    compact(store, 3).await;
    for revision in [1, 2, 3] {
        let refused = store.compact(revision).await;
        assert!(matches!(refused, Err(Error::Compacted { .. })), "{refused:?}");
    }
    compact(store, 4).await;
}

pub async fn the_future_is_refused(store: &dyn Store) {
    fill(store).await;
    assert!(matches!(store.compact(7).await, Err(Error::FutureRevision { .. })));
    assert_eq!(read(store, 2).await, Ok(pairs(&[("a", "2")])));
}

pub async fn a_new_store_may_be_compacted(store: &dyn Store) {
    compact(store, 1).await;
    assert_eq!(put(store, "a", "1").await, 2);
    assert_eq!(read(store, 1).await, Ok(vec![]));
}

pub async fn keys_keep_their_past_in_their_numbers(store: &dyn Store) {
    fill(store).await;
    put(store, "a", "7").await; // 7
    compact(store, 7).await;
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (5, 7, 2));
}

pub async fn a_transaction_may_not_read_below(store: &dyn Store) {
    fill(store).await;
    compact(store, 4).await;
    let old = RangeRequest { range: prefix(""), revision: 3, ..RangeRequest::default() };
    let reads = Txn { success: vec![RequestOp::Range(old.clone())], ..Txn::default() };
    assert!(matches!(store.txn(reads).await, Err(Error::Compacted { .. })));
    let writes = Txn { success: vec![put_op("c", "1"), RequestOp::Range(old)], ..Txn::default() };
    assert!(matches!(store.txn(writes).await, Err(Error::Compacted { .. })));
    assert_eq!(revision(store).await, 6);
}

pub async fn a_dead_key_is_forgotten_and_may_return(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    delete(store, single("a")).await; // 3
    put(store, "b", "1").await; // 4
    compact(store, 4).await;
    assert_eq!(put(store, "a", "2").await, 5);
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.version), (5, 1));
    assert_eq!(read(store, 4).await, Ok(pairs(&[("b", "1")])));
}
