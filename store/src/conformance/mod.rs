//! What any [`Store`] must do, as a list of cases.
//!
//! Each case is an async function over a store of its own; it panics where the store differs from
//! etcd. The same list is run against the embedded member and against remote endpoints, so a case
//! uses nothing but the trait, and keys under its own prefix where the store may be shared.

mod kv;
mod leases;
mod txns;
mod watches;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::face::{Store, Watcher};
use crate::types::*;

/// A running case.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named case. It expects a store that nobody else uses.
pub struct Case {
    pub name: &'static str,
    pub run: fn(Arc<dyn Store>) -> Running,
}

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        vec![$(Case {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |store| Box::pin(async move { $module::$name(&*store).await }),
        }),*]
    };
}

/// Every case.
pub fn cases() -> Vec<Case> {
    cases![
        kv::an_empty_store_is_at_revision_one,
        kv::puts_count_versions_and_revisions,
        kv::deletes_end_a_generation,
        kv::deleting_nothing_keeps_the_revision,
        kv::ranges_count_limit_and_filter,
        kv::ranges_sort_by_every_target,
        kv::old_revisions_stay_readable,
        kv::compaction_refuses_older_revisions,
        kv::malformed_requests_are_refused,
        kv::ignored_parts_of_a_put_are_kept,
        txns::compares_choose_the_branch,
        txns::compares_on_missing_keys,
        txns::one_transaction_is_one_revision,
        txns::ranges_see_earlier_writes_of_the_transaction,
        txns::a_refused_transaction_changes_nothing,
        txns::duplicate_keys_are_refused,
        txns::nested_transactions_compare_first,
        watches::events_arrive_whole_and_in_order,
        watches::a_past_start_is_served_from_history,
        watches::a_future_start_waits,
        watches::a_compacted_start_ends_the_watch,
        watches::a_slow_watcher_misses_nothing,
        leases::a_revoked_lease_deletes_its_keys_at_once,
        leases::a_put_without_the_lease_detaches,
        leases::unknown_leases_are_told_apart,
    ]
}

async fn put(store: &dyn Store, key: &str, value: &str) -> i64 {
    let request = PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    store.put(request).await.expect("a plain put is accepted").header.revision
}

async fn delete(store: &dyn Store, range: KeyRange) -> DeleteRangeResponse {
    let request = DeleteRangeRequest { range, prev_kv: true };
    store.delete_range(request).await.expect("a delete is accepted")
}

fn single(key: &str) -> KeyRange {
    KeyRange::single(Bytes::copy_from_slice(key.as_bytes()))
}

fn prefix(key: &str) -> KeyRange {
    KeyRange::prefix(Bytes::copy_from_slice(key.as_bytes()))
}

fn get_op(key: &str) -> RequestOp {
    RequestOp::Range(RangeRequest { range: single(key), ..RangeRequest::default() })
}

fn put_op(key: &str, value: &str) -> RequestOp {
    RequestOp::Put(PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    })
}

fn delete_op(range: KeyRange) -> RequestOp {
    RequestOp::DeleteRange(DeleteRangeRequest { range, prev_kv: false })
}

async fn get(store: &dyn Store, range: KeyRange) -> RangeResponse {
    get_at(store, range, 0).await
}

async fn get_at(store: &dyn Store, range: KeyRange, revision: i64) -> RangeResponse {
    let request = RangeRequest { range, revision, ..RangeRequest::default() };
    store.range(request).await.expect("a plain range is answered")
}

fn values(response: &RangeResponse) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    response.kvs.iter().map(|kv| (text(&kv.key), text(&kv.value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Takes events until `count` are there, as (revision, type, key, value).
async fn take_events(watcher: &mut Watcher, count: usize) -> Vec<(i64, EventType, String, String)> {
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
