//! The words that cases are written in.

use bytes::Bytes;

use crate::face::{Store, Watcher};
use crate::types::*;

pub(super) async fn put(store: &dyn Store, key: &str, value: &str) -> i64 {
    let request = PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    store.put(request).await.expect("a plain put is accepted").header.revision
}

pub(super) async fn delete(store: &dyn Store, range: KeyRange) -> DeleteRangeResponse {
    let request = DeleteRangeRequest { range, prev_kv: true };
    store.delete_range(request).await.expect("a delete is accepted")
}

pub(super) fn single(key: &str) -> KeyRange {
    KeyRange::single(Bytes::copy_from_slice(key.as_bytes()))
}

pub(super) fn prefix(key: &str) -> KeyRange {
    KeyRange::prefix(Bytes::copy_from_slice(key.as_bytes()))
}

/// From `key` to before `end`.
pub(super) fn span(key: &str, end: &str) -> KeyRange {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    KeyRange { key: bytes(key), end: bytes(end) }
}

/// The store's revision.
pub(super) async fn revision(store: &dyn Store) -> i64 {
    get(store, single("none")).await.header.revision
}

/// The keys of an answer, in its order, with commas between.
pub(super) fn keys_of(response: &RangeResponse) -> String {
    let keys: Vec<_> = response.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key)).collect();
    keys.join(",")
}

pub(super) fn get_op(key: &str) -> RequestOp {
    RequestOp::Range(RangeRequest { range: single(key), ..RangeRequest::default() })
}

pub(super) fn put_op(key: &str, value: &str) -> RequestOp {
    RequestOp::Put(PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    })
}

pub(super) fn delete_op(range: KeyRange) -> RequestOp {
    RequestOp::DeleteRange(DeleteRangeRequest { range, prev_kv: false })
}

pub(super) async fn get(store: &dyn Store, range: KeyRange) -> RangeResponse {
    get_at(store, range, 0).await
}

pub(super) async fn get_at(store: &dyn Store, range: KeyRange, revision: i64) -> RangeResponse {
    let request = RangeRequest { range, revision, ..RangeRequest::default() };
    store.range(request).await.expect("a plain range is answered")
}

pub(super) fn values(response: &RangeResponse) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    response.kvs.iter().map(|kv| (text(&kv.key), text(&kv.value))).collect()
}

pub(super) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Takes events until `count` are there, as (revision, type, key, value).
pub(super) async fn take_events(
    watcher: &mut Watcher,
    count: usize,
) -> Vec<(i64, EventType, String, String)> {
    let mut taken = Vec::new();
    let mut last = 0;
    while taken.len() < count {
        match watcher.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { revision, events } => {
                assert!(revision > last, "revision {revision} after {last}");
                last = revision;
                for event in events.iter() {
                    assert_eq!(event.kv.mod_revision, revision);
                    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
                    taken.push((
                        revision,
                        event.event_type,
                        text(&event.kv.key),
                        text(&event.kv.value),
                    ));
                }
            }
            WatchItem::Progress { revision } => assert!(revision >= last),
            WatchItem::Compacted { compact_revision } => panic!("compacted at {compact_revision}"),
        }
    }
    taken
}
