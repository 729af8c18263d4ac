//! What watches deliver, one rule each.

use super::*;
use crate::error::Error;

async fn watch(store: &dyn Store, range: KeyRange, start_revision: i64) -> Watcher {
    let request = WatchRequest { range, start_revision };
    store.watch(request).await.expect("a watch is accepted")
}

async fn next(watcher: &mut Watcher) -> (i64, std::sync::Arc<[Event]>) {
    loop {
        match watcher.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { revision, events } => return (revision, events),
            WatchItem::Progress { .. } => {}
            WatchItem::Compacted { compact_revision } => panic!("compacted at {compact_revision}"),
        }
    }
}

/// The revisions of the next `count` events.
async fn revisions(watcher: &mut Watcher, count: usize) -> Vec<i64> {
    take_events(watcher, count).await.into_iter().map(|event| event.0).collect()
}

pub async fn now_means_after_now(store: &dyn Store) {
    put(store, "a", "before").await; // 2
    let mut watcher = watch(store, prefix(""), 0).await;
    assert_eq!(watcher.created_revision, 2);
    put(store, "a", "after").await; // 3
    assert_eq!(revisions(&mut watcher, 1).await, [3]);
}

pub async fn the_current_revision_is_included(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    put(store, "a", "2").await; // 3
    let mut watcher = watch(store, prefix(""), 3).await;
    assert_eq!(watcher.created_revision, 3);
    assert_eq!(revisions(&mut watcher, 1).await, [3]);
}

pub async fn everything_from_the_first_revision(store: &dyn Store) {
    for _ in 0..5 {
        put(store, "a", "").await;
    }
    let mut watcher = watch(store, prefix(""), 1).await;
    assert_eq!(revisions(&mut watcher, 5).await, [2, 3, 4, 5, 6]);
}

pub async fn one_key_is_not_its_prefix(store: &dyn Store) {
    let mut watcher = watch(store, single("a"), 0).await;
    for key in ["", "a", "b"] {
        put(store, &format!("a{key}"), "").await; // 2, 3, 4
    }
    put(store, "a", "").await; // 5
    assert_eq!(revisions(&mut watcher, 2).await, [2, 5]);
}

pub async fn an_open_end_reaches_the_last_key(store: &dyn Store) {
    let mut watcher = watch(store, span("b", "\0"), 0).await;
    for key in ["a", "b", "zzz"] {
        put(store, key, "").await; // 2, 3, 4
    }
    assert_eq!(revisions(&mut watcher, 2).await, [3, 4]);
}

pub async fn the_end_of_a_range_is_outside(store: &dyn Store) {
    let mut watcher = watch(store, span("b", "d"), 0).await;
    for key in ["a", "b", "c", "d", "c"] {
        put(store, key, "").await; // 2 to 6
    }
    assert_eq!(revisions(&mut watcher, 3).await, [3, 4, 6]);
}

pub async fn events_carry_the_whole_key(store: &dyn Store) {
    store.lease_grant(9, 60).await.expect("a lease is granted");
    let mut watcher = watch(store, prefix(""), 0).await;
    put(store, "a", "1").await; // 2
    let request =
        PutRequest { key: "a".into(), value: "2".into(), lease: 9, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted"); // 3
    next(&mut watcher).await;
    let (_, events) = next(&mut watcher).await;
    let expected = KeyValue {
        key: "a".into(),
        value: "2".into(),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        lease: 9,
    };
    assert_eq!(*events[0].kv, expected);
}

pub async fn a_delete_carries_key_and_revision_alone(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    let mut watcher = watch(store, prefix(""), 0).await;
    delete(store, single("a")).await; // 3
    let (_, events) = next(&mut watcher).await;
    let expected = KeyValue { key: "a".into(), mod_revision: 3, ..KeyValue::default() };
    assert_eq!((events[0].event_type, &*events[0].kv), (EventType::Delete, &expected));
}

pub async fn the_previous_value_is_the_one_before(store: &dyn Store) {
    let mut watcher = watch(store, prefix(""), 0).await;
    put(store, "a", "1").await;
    put(store, "a", "2").await;
    delete(store, single("a")).await;
    put(store, "a", "3").await;
    let mut previous = Vec::new();
    for _ in 0..4 {
        let (_, events) = next(&mut watcher).await;
        previous.push(events[0].prev_kv.as_ref().map(|kv| kv.value.clone()));
    }
    assert_eq!(previous, [None, Some("1".into()), Some("2".into()), None]);
}

pub async fn the_previous_value_from_history(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    put(store, "a", "2").await; // 3
    delete(store, single("a")).await; // 4
    let mut watcher = watch(store, prefix(""), 2).await;
    for expected in [None, Some(2), Some(3)] {
        let (_, events) = next(&mut watcher).await;
        assert_eq!(events[0].prev_kv.as_ref().map(|kv| kv.mod_revision), expected);
    }
}

pub async fn a_range_delete_is_one_revision_in_key_order(store: &dyn Store) {
    for key in ["c", "a", "b"] {
        put(store, key, "").await;
    }
    let mut watcher = watch(store, prefix(""), 0).await;
    delete(store, prefix("")).await;
    let (revision, events) = next(&mut watcher).await;
    let keys: Vec<_> = events.iter().map(|event| event.kv.key.clone()).collect();
    assert_eq!((revision, keys), (5, vec!["a".into(), "b".into(), "c".into()]));
}

pub async fn a_transaction_is_told_in_its_order(store: &dyn Store) {
    let mut watcher = watch(store, prefix(""), 0).await;
    let success = vec![put_op("c", ""), put_op("a", ""), put_op("b", "")];
    store.txn(Txn { success, ..Txn::default() }).await.expect("the transaction is accepted");
    let (revision, events) = next(&mut watcher).await;
    let keys: Vec<_> = events.iter().map(|event| event.kv.key.clone()).collect();
    assert_eq!((revision, keys), (2, vec!["c".into(), "a".into(), "b".into()]));
}

pub async fn a_large_transaction_stays_whole(store: &dyn Store) {
    let mut watcher = watch(store, prefix(""), 0).await;
    let success = (0..120).map(|at| put_op(&at.to_string(), &"x".repeat(1000))).collect();
    store.txn(Txn { success, ..Txn::default() }).await.expect("the transaction is accepted");
    assert_eq!(next(&mut watcher).await.1.len(), 120);
    let mut late = watch(store, prefix(""), 2).await;
    assert_eq!(next(&mut late).await.1.len(), 120);
}

pub async fn what_changes_nothing_is_not_told(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    let mut watcher = watch(store, prefix(""), 0).await;
    delete(store, single("x")).await;
    let failing = Txn { success: vec![put_op("a", "1"), put_op("a", "2")], ..Txn::default() };
    store.txn(failing).await.expect_err("the transaction is refused");
    store.lease_grant(0, 60).await.expect("a lease is granted");
    store.compact(2).await.expect("the compaction is accepted");
    put(store, "a", "2").await; // 3
    assert_eq!(revisions(&mut watcher, 1).await, [3]);
}

pub async fn all_watches_of_a_range_are_told(store: &dyn Store) {
    let mut watchers = Vec::new();
    for _ in 0..20 {
        watchers.push(watch(store, prefix("a"), 0).await);
    }
    put(store, "a", "1").await; // 2
    put(store, "a", "2").await; // 3
    for watcher in &mut watchers {
        assert_eq!(revisions(watcher, 2).await, [2, 3]);
    }
}

pub async fn ending_one_watch_leaves_the_others(store: &dyn Store) {
    let ended = watch(store, prefix(""), 0).await;
    let mut other = watch(store, prefix(""), 0).await;
    put(store, "a", "1").await; // 2
    drop(ended);
    put(store, "a", "2").await; // 3
    assert_eq!(revisions(&mut other, 2).await, [2, 3]);
}

pub async fn compaction_leaves_a_watch_that_is_level(store: &dyn Store) {
    let mut watcher = watch(store, prefix(""), 0).await;
    put(store, "a", "1").await; // 2
    assert_eq!(revisions(&mut watcher, 1).await, [2]);
    put(store, "a", "2").await; // 3
    assert_eq!(revisions(&mut watcher, 1).await, [3]);
    store.compact(3).await.expect("the compaction is accepted");
    put(store, "a", "3").await; // 4
    assert_eq!(revisions(&mut watcher, 1).await, [4]);
}

pub async fn the_compact_revision_may_be_the_start(store: &dyn Store) {
    for _ in 0..4 {
        put(store, "a", "").await; // 2 to 5
    }
    store.compact(4).await.expect("the compaction is accepted");
    let mut watcher = watch(store, prefix(""), 4).await;
    assert_eq!(revisions(&mut watcher, 2).await, [4, 5]);
}

pub async fn a_tombstone_at_the_compact_revision_is_told(store: &dyn Store) {
    put(store, "a", "").await; // 2
    delete(store, single("a")).await; // 3
    put(store, "b", "").await; // 4
    store.compact(3).await.expect("the compaction is accepted");
    let mut watcher = watch(store, prefix(""), 3).await;
    let seen = take_events(&mut watcher, 2).await;
    assert_eq!((seen[0].0, seen[0].1), (3, EventType::Delete));
    assert_eq!((seen[1].0, seen[1].1), (4, EventType::Put));
}

pub async fn an_earlier_start_tells_the_compact_revision(store: &dyn Store) {
    for _ in 0..4 {
        put(store, "a", "").await; // 2 to 5
    }
    store.compact(4).await.expect("the compaction is accepted");
    for start in [1, 2, 3] {
        let mut watcher = watch(store, prefix(""), start).await;
        let end = watcher.items.recv().await;
        assert_eq!(end, Some(WatchItem::Compacted { compact_revision: 4 }), "from {start}");
    }
}

pub async fn a_future_start_tells_nothing_before(store: &dyn Store) {
    let mut watcher = watch(store, prefix("a"), 5).await;
    for _ in 0..5 {
        put(store, "a", "").await; // 2 to 6
    }
    assert_eq!(revisions(&mut watcher, 2).await, [5, 6]);
}

pub async fn a_revoked_lease_tells_its_keys_in_order(store: &dyn Store) {
    store.lease_grant(9, 60).await.expect("a lease is granted");
    for key in ["c", "a", "b"] {
        let request = PutRequest { key: key.into(), lease: 9, ..PutRequest::default() };
        store.put(request).await.expect("a put is accepted");
    }
    let mut watcher = watch(store, prefix(""), 0).await;
    store.lease_revoke(9).await.expect("the lease is revoked");
    let (revision, events) = next(&mut watcher).await;
    let keys: Vec<_> = events.iter().map(|event| event.kv.key.clone()).collect();
    assert_eq!((revision, keys), (5, vec!["a".into(), "b".into(), "c".into()]));
    assert!(events.iter().all(|event| event.event_type == EventType::Delete));
}

pub async fn a_watch_needs_a_key(store: &dyn Store) {
    let request = WatchRequest::default();
    assert_eq!(store.watch(request).await.err(), Some(Error::EmptyKey));
}

pub async fn progress_is_told_when_asked(store: &dyn Store) {
    let mut watcher = watch(store, prefix("a"), 0).await;
    put(store, "other", "").await; // 2
    put(store, "other", "").await; // 3
    let Some(progress) = watcher.progress() else { return };
    progress.request();
    assert_eq!(watcher.items.recv().await, Some(WatchItem::Progress { revision: 3 }));
}
