//! Put, range, delete and compact.

use super::*;
use crate::error::Error;

pub async fn an_empty_store_is_at_revision_one(store: &dyn Store) {
    let empty = get(store, prefix("")).await;
    assert_eq!((empty.header.revision, empty.count, empty.more), (1, 0, false));
    assert_eq!(store.current_revision(), 1);
    assert_eq!(put(store, "a", "1").await, 2);
}

pub async fn puts_count_versions_and_revisions(store: &dyn Store) {
    let first = put(store, "a", "1").await;
    // An identical put counts as well.
    let second = put(store, "a", "1").await;
    assert_eq!(second, first + 1);
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (first, second, 2));
    let request = PutRequest { key: "a".into(), prev_kv: true, ..PutRequest::default() };
    let response = store.put(request).await.expect("a put is accepted");
    assert_eq!(response.prev_kv, Some(kv));
    assert_eq!(store.current_revision(), second + 1);
}

pub async fn deletes_end_a_generation(store: &dyn Store) {
    put(store, "a", "1").await;
    put(store, "a", "2").await;
    put(store, "b", "3").await;
    let gone = delete(store, prefix("")).await;
    assert_eq!((gone.deleted, gone.header.revision), (2, 5));
    let keys: Vec<_> = gone.prev_kvs.iter().map(|kv| kv.key.as_ref()).collect();
    assert_eq!(keys, [b"a", b"b"]);
    assert_eq!(get(store, prefix("")).await.count, 0);
    let again = put(store, "a", "4").await;
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.version), (again, 1));
}

pub async fn deleting_nothing_keeps_the_revision(store: &dyn Store) {
    let before = put(store, "a", "1").await;
    let nothing = delete(store, single("missing")).await;
    assert_eq!((nothing.deleted, nothing.header.revision), (0, before));
    let empty = store.txn(Txn::default()).await.expect("an empty transaction is accepted");
    assert!(empty.succeeded);
    assert_eq!(empty.header.revision, before);
}

pub async fn ranges_count_limit_and_filter(store: &dyn Store) {
    for key in ["a", "b", "c", "d"] {
        put(store, key, key).await;
    }
    let base = RangeRequest { range: prefix(""), ..RangeRequest::default() };
    let run = async |request| store.range(request).await.expect("the range is answered");
    let two = run(RangeRequest { limit: 2, ..base.clone() }).await;
    assert_eq!(values(&two), pairs(&[("a", "a"), ("b", "b")]));
    assert_eq!((two.count, two.more), (4, true));
    let all = run(RangeRequest { limit: 4, ..base.clone() }).await;
    assert_eq!((all.kvs.len(), all.more), (4, false));
    let count = run(RangeRequest { count_only: true, limit: 1, ..base.clone() }).await;
    assert_eq!((count.kvs.len(), count.count, count.more), (0, 4, false));
    let keys = run(RangeRequest { keys_only: true, ..base.clone() }).await;
    assert!(keys.kvs.iter().all(|kv| kv.value.is_empty() && kv.version == 1));
    let newer = run(RangeRequest { min_mod_revision: 4, limit: 1, ..base.clone() }).await;
    assert_eq!(values(&newer), pairs(&[("c", "c")]));
    assert_eq!((newer.count, newer.more), (4, true));
    let older = run(RangeRequest { max_create_revision: 2, ..base.clone() }).await;
    assert_eq!(values(&older), pairs(&[("a", "a")]));
    let half = KeyRange { key: "b".into(), end: "d".into() };
    assert_eq!(values(&get(store, half).await), pairs(&[("b", "b"), ("c", "c")]));
    let from = KeyRange { key: "c".into(), end: "\0".into() };
    assert_eq!(values(&get(store, from).await), pairs(&[("c", "c"), ("d", "d")]));
    let backwards = KeyRange { key: "d".into(), end: "b".into() };
    assert_eq!(get(store, backwards).await.count, 0);
}

pub async fn ranges_sort_by_every_target(store: &dyn Store) {
    put(store, "a", "3").await;
    put(store, "b", "1").await;
    put(store, "c", "2").await;
    put(store, "b", "1").await;
    let cases = [
        (SortTarget::Key, SortOrder::Descend, "cba"),
        (SortTarget::Version, SortOrder::Descend, "bac"),
        (SortTarget::CreateRevision, SortOrder::Descend, "cba"),
        (SortTarget::ModRevision, SortOrder::Ascend, "acb"),
        (SortTarget::Value, SortOrder::Ascend, "bca"),
        (SortTarget::Value, SortOrder::None, "bca"),
    ];
    for (sort_target, sort_order, expected) in cases {
        for keys_only in [false, true] {
            let request = RangeRequest {
                range: prefix(""),
                sort_target,
                sort_order,
                keys_only,
                ..RangeRequest::default()
            };
            let response = store.range(request).await.expect("the range is answered");
            let order: String = values(&response).into_iter().map(|(key, _)| key).collect();
            assert_eq!(order, expected, "{sort_target:?} {sort_order:?}");
            assert!(!keys_only || response.kvs.iter().all(|kv| kv.value.is_empty()));
        }
    }
}

pub async fn old_revisions_stay_readable(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    put(store, "b", "1").await; // 3
    delete(store, single("a")).await; // 4
    put(store, "a", "2").await; // 5
    put(store, "c", "1").await; // 6
    delete(store, prefix("")).await; // 7
    let expected: [(i64, &[(&str, &str)]); 7] = [
        (1, &[]),
        (2, &[("a", "1")]),
        (3, &[("a", "1"), ("b", "1")]),
        (4, &[("b", "1")]),
        (5, &[("a", "2"), ("b", "1")]),
        (6, &[("a", "2"), ("b", "1"), ("c", "1")]),
        (7, &[]),
    ];
    for (revision, expected) in expected {
        let old = get_at(store, prefix(""), revision).await;
        assert_eq!(values(&old), pairs(expected), "at {revision}");
        assert_eq!(old.count, expected.len() as i64);
        // The header tells the current revision, not the one that was read.
        assert_eq!(old.header.revision, 7);
    }
    let request = RangeRequest { range: prefix(""), revision: 8, ..RangeRequest::default() };
    assert!(matches!(store.range(request).await, Err(Error::FutureRevision { .. })));
}

pub async fn compaction_refuses_older_revisions(store: &dyn Store) {
    for value in ["1", "2", "3"] {
        put(store, "a", value).await; // 2, 3, 4
    }
    delete(store, single("a")).await; // 5
    put(store, "b", "1").await; // 6
    assert!(matches!(store.compact(7).await, Err(Error::FutureRevision { .. })));
    store.compact(3).await.expect("a compaction of the past is accepted");
    assert!(matches!(store.compact(3).await, Err(Error::Compacted { .. })));
    assert!(matches!(store.compact(2).await, Err(Error::Compacted { .. })));
    let request = RangeRequest { range: prefix(""), revision: 2, ..RangeRequest::default() };
    assert!(matches!(store.range(request).await, Err(Error::Compacted { .. })));
    assert_eq!(values(&get_at(store, prefix(""), 3).await), pairs(&[("a", "2")]));
    store.compact(5).await.expect("a later compaction is accepted");
    assert_eq!(get_at(store, prefix(""), 5).await.count, 0);
    store.compact(6).await.expect("the current revision may be compacted");
    assert_eq!(values(&get_at(store, prefix(""), 6).await), pairs(&[("b", "1")]));
    assert_eq!(get(store, prefix("")).await.header.revision, 6);
}

pub async fn malformed_requests_are_refused(store: &dyn Store) {
    let empty = KeyRange::default();
    let range = RangeRequest { range: empty.clone(), ..RangeRequest::default() };
    assert_eq!(store.range(range).await, Err(Error::EmptyKey));
    assert_eq!(store.put(PutRequest::default()).await, Err(Error::EmptyKey));
    let delete = DeleteRangeRequest { range: empty, prev_kv: false };
    assert_eq!(store.delete_range(delete).await, Err(Error::EmptyKey));
    let valued = PutRequest {
        key: "a".into(),
        value: "v".into(),
        ignore_value: true,
        ..PutRequest::default()
    };
    assert_eq!(store.put(valued).await, Err(Error::ValueProvided));
    let leased =
        PutRequest { key: "a".into(), lease: 1, ignore_lease: true, ..PutRequest::default() };
    assert_eq!(store.put(leased).await, Err(Error::LeaseProvided));
    let unleased = PutRequest { key: "a".into(), lease: 4711, ..PutRequest::default() };
    assert_eq!(store.put(unleased).await, Err(Error::LeaseNotFound));
}

pub async fn ignored_parts_of_a_put_are_kept(store: &dyn Store) {
    let lease = store.lease_grant(0, 60).await.expect("a lease is granted").id;
    let keeps_value = PutRequest { key: "a".into(), ignore_value: true, ..PutRequest::default() };
    let keeps_lease = PutRequest { key: "a".into(), ignore_lease: true, ..PutRequest::default() };
    assert_eq!(store.put(keeps_value.clone()).await, Err(Error::KeyNotFound));
    assert_eq!(store.put(keeps_lease.clone()).await, Err(Error::KeyNotFound));
    let first = PutRequest { key: "a".into(), value: "1".into(), lease, ..PutRequest::default() };
    store.put(first).await.expect("a leased put is accepted");
    let second = PutRequest { value: "2".into(), ..keeps_lease };
    store.put(second).await.expect("a put that keeps the lease is accepted");
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.value.as_ref(), kv.lease), (&b"2"[..], lease));
    store.put(keeps_value).await.expect("a put that keeps the value is accepted");
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.value.as_ref(), kv.lease), (&b"2"[..], 0));
}
