//! Ids of watches on one stream.

use super::watching::{Stream, create};
use super::*;

pub async fn ids_start_at_zero(wire: &Wire) {
    let mut stream = Stream::open(wire);
    for id in 0..3 {
        stream.create(create("a")).await;
        let created = stream.next().await;
        assert!(created.created && !created.canceled);
        assert_eq!(created.watch_id, id);
    }
}

pub async fn an_id_may_be_chosen(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..create("a") }).await;
    assert_eq!(stream.next().await.watch_id, 7);
    stream.create(create("a")).await;
    assert_eq!(stream.next().await.watch_id, 0);
}

pub async fn a_taken_id_is_refused_and_the_stream_goes_on(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..create("a") }).await;
    stream.next().await;
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..create("b") }).await;
    let answer = stream.next().await;
    assert!(answer.created && answer.canceled, "{answer:?}");
    assert_eq!(answer.watch_id, -1);
    assert_eq!(answer.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
    put(wire, "a", "1").await;
    assert_eq!(stream.next().await.events.len(), 1);
}

pub async fn a_cancelled_id_is_free_again(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..create("a") }).await;
    stream.next().await;
    stream.cancel(7).await;
    let cancelled = stream.next().await;
    assert!(cancelled.canceled && !cancelled.created);
    assert_eq!((cancelled.watch_id, cancelled.compact_revision), (7, 0));
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..create("b") }).await;
    let created = stream.next().await;
    assert!(created.created && !created.canceled);
    assert_eq!(created.watch_id, 7);
}

pub async fn cancelling_an_unknown_id_is_silent(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.cancel(9).await;
    stream.create(create("a")).await;
    assert!(stream.next().await.created);
}

pub async fn a_reversed_range_is_refused(wire: &Wire) {
    let mut stream = Stream::open(wire);
    let reversed = pb::WatchCreateRequest { range_end: b"a".to_vec().into(), ..create("b") };
    stream.create(reversed).await;
    let answer = stream.next().await;
    assert!(answer.created && answer.canceled, "{answer:?}");
    assert_eq!(answer.watch_id, -1);
    assert_eq!(answer.cancel_reason, "mvcc: watcher range is empty");
}

pub async fn streams_count_for_themselves(wire: &Wire) {
    for _ in 0..2 {
        let mut stream = Stream::open(wire);
        stream.create(create("a")).await;
        assert_eq!(stream.next().await.watch_id, 0);
    }
}
