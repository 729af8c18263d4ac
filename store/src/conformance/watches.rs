//! Watches.

use super::*;
use crate::face::WATCH_CHANNEL_CAPACITY;

async fn watch(store: &dyn Store, range: KeyRange, start_revision: i64) -> Watcher {
    let request = WatchRequest { range, start_revision };
    store.watch(request).await.expect("a watch is accepted")
}

pub async fn events_arrive_whole_and_in_order(store: &dyn Store) {
    put(store, "a/0", "before").await; // 2
    let mut narrow = watch(store, prefix("a/"), 0).await;
    let mut wide = watch(store, prefix(""), 0).await;
    let mut one = watch(store, single("b"), 0).await;
    assert_eq!(narrow.created_revision, 2);
    let txn = Txn {
        success: vec![put_op("a/1", "x"), put_op("b", "y"), delete_op(single("a/0"))],
        ..Txn::default()
    };
    store.txn(txn).await.expect("the transaction is accepted"); // 3
    put(store, "b", "z").await; // 4
    put(store, "a/1", "z").await; // 5
    let WatchItem::Events { revision: 3, events } = wide.items.recv().await.expect("an item")
    else {
        panic!("the transaction was split or missed")
    };
    assert_eq!(events.len(), 3);
    let gone = &events[2];
    assert_eq!(
        (gone.event_type, gone.kv.create_revision, gone.kv.version),
        (EventType::Delete, 0, 0)
    );
    assert!(gone.kv.value.is_empty());
    assert_eq!(gone.prev_kv.as_ref().map(|kv| kv.value.clone()), Some("before".into()));
    assert_eq!(events[0].prev_kv, None);
    let event = |revision, event_type, key: &str, value: &str| {
        (revision, event_type, key.to_string(), value.to_string())
    };
    assert_eq!(
        take_events(&mut narrow, 3).await,
        [
            event(3, EventType::Put, "a/1", "x"),
            event(3, EventType::Delete, "a/0", ""),
            event(5, EventType::Put, "a/1", "z"),
        ]
    );
    assert_eq!(
        take_events(&mut one, 2).await,
        [event(3, EventType::Put, "b", "y"), event(4, EventType::Put, "b", "z")]
    );
}

pub async fn a_past_start_is_served_from_history(store: &dyn Store) {
    for value in ["1", "2", "3"] {
        put(store, "a", value).await; // 2, 3, 4
    }
    store.compact(3).await.expect("the compaction is accepted");
    let mut watcher = watch(store, prefix(""), 3).await;
    put(store, "a", "4").await; // 5
    let mut seen = Vec::new();
    while seen.len() < 3 {
        if let Some(WatchItem::Events { revision, events }) = watcher.items.recv().await {
            let previous = events[0].prev_kv.as_ref().map(|kv| kv.mod_revision);
            seen.push((revision, previous));
        }
    }
    // What stood before the compact revision is forgotten.
    assert_eq!(seen, [(3, None), (4, Some(3)), (5, Some(4))]);
}

pub async fn a_future_start_waits(store: &dyn Store) {
    let mut watcher = watch(store, prefix(""), 4).await;
    for value in ["1", "2", "3"] {
        put(store, "a", value).await; // 2, 3, 4
    }
    let first = take_events(&mut watcher, 1).await;
    assert_eq!(first, [(4, EventType::Put, "a".into(), "3".into())]);
}

pub async fn a_compacted_start_ends_the_watch(store: &dyn Store) {
    for value in ["1", "2", "3"] {
        put(store, "a", value).await; // 2, 3, 4
    }
    store.compact(4).await.expect("the compaction is accepted");
    let mut watcher = watch(store, prefix(""), 3).await;
    assert_eq!(watcher.items.recv().await, Some(WatchItem::Compacted { compact_revision: 4 }));
    assert_eq!(watcher.items.recv().await, None);
}

pub async fn a_slow_watcher_misses_nothing(store: &dyn Store) {
    let mut watcher = watch(store, prefix("a"), 0).await;
    let total = 2 * WATCH_CHANNEL_CAPACITY + 10;
    let writes = (0..total).map(|at| async move { put(store, "a", &at.to_string()).await });
    futures::future::join_all(writes).await;
    let events = take_events(&mut watcher, total).await;
    let revisions: Vec<i64> = events.iter().map(|event| event.0).collect();
    let expected: Vec<i64> = (2..2 + total as i64).collect();
    assert_eq!(revisions, expected);
    // Level again, it hears of what follows.
    put(store, "a", "last").await;
    assert_eq!(take_events(&mut watcher, 1).await[0].3, "last");
}
