//! Operations inside transactions, and transactions inside transactions.

use super::*;
use crate::error::Error;

async fn run(store: &dyn Store, success: Vec<RequestOp>) -> TxnResponse {
    let txn = Txn { success, ..Txn::default() };
    store.txn(txn).await.expect("the transaction is accepted")
}

async fn refused(store: &dyn Store, success: Vec<RequestOp>) -> Error {
    let before = get(store, prefix("")).await;
    let txn = Txn { success, ..Txn::default() };
    let error = store.txn(txn).await.expect_err("the transaction is refused");
    assert_eq!(get(store, prefix("")).await, before, "a refused transaction changes nothing");
    error
}

fn nested(success: Vec<RequestOp>) -> RequestOp {
    RequestOp::Txn(Txn { success, ..Txn::default() })
}

fn version_is(key: &str, version: i64) -> Vec<Compare> {
    let (range, target) = (single(key), CompareTarget::Version(version));
    vec![Compare { range, result: CompareResult::Equal, target }]
}

fn inner(response: &TxnResponse, at: usize) -> &TxnResponse {
    match &response.responses[at] {
        ResponseOp::Txn(nested) => nested,
        other => panic!("{other:?}"),
    }
}

fn range_at(response: &TxnResponse, at: usize) -> &RangeResponse {
    match &response.responses[at] {
        ResponseOp::Range(range) => range,
        other => panic!("{other:?}"),
    }
}

pub async fn a_branch_may_be_empty(store: &dyn Store) {
    put(store, "a", "1").await;
    let txn = Txn { compare: version_is("a", 9), success: vec![put_op("a", "2")], failure: vec![] };
    let response = store.txn(txn).await.expect("the transaction is accepted");
    assert!(!response.succeeded && response.responses.is_empty());
    assert_eq!(response.header.revision, 2);
}

pub async fn reading_takes_no_revision(store: &dyn Store) {
    put(store, "a", "1").await;
    let response = run(store, vec![get_op("a"), nested(vec![get_op("a")])]).await;
    assert_eq!((response.header.revision, range_at(&response, 0).count), (2, 1));
    assert_eq!(range_at(inner(&response, 1), 0).count, 1);
    assert_eq!(revision(store).await, 2);
}

pub async fn deleting_nothing_takes_no_revision(store: &dyn Store) {
    put(store, "a", "1").await;
    let response = run(store, vec![delete_op(prefix("x"))]).await;
    assert_eq!(response.header.revision, 2);
}

pub async fn operations_answer_as_they_do_alone(store: &dyn Store) {
    put(store, "a", "1").await;
    let put = PutRequest { key: "a".into(), prev_kv: true, ..PutRequest::default() };
    let range = RangeRequest { range: prefix(""), limit: 1, ..RangeRequest::default() };
    let gone = DeleteRangeRequest { range: single("b"), prev_kv: true };
    let ops = vec![
        put_op("c", "3"),
        RequestOp::Put(put),
        RequestOp::Range(range),
        RequestOp::DeleteRange(gone),
    ];
    self::put(store, "b", "2").await;
    let response = run(store, ops).await;
    let ResponseOp::Put(put) = &response.responses[1] else { panic!("{response:?}") };
    assert_eq!(put.prev_kv.as_ref().map(|kv| kv.mod_revision), Some(2));
    let range = range_at(&response, 2);
    assert_eq!((range.count, range.more, range.kvs.len()), (3, true, 1));
    let ResponseOp::DeleteRange(gone) = &response.responses[3] else { panic!("{response:?}") };
    assert_eq!((gone.deleted, gone.prev_kvs.len()), (1, 1));
}

pub async fn a_range_misses_what_was_deleted_before_it(store: &dyn Store) {
    put(store, "a", "1").await;
    let response = run(store, vec![get_op("a"), delete_op(single("a")), get_op("a")]).await;
    assert_eq!((range_at(&response, 0).count, range_at(&response, 2).count), (1, 0));
    assert_eq!(range_at(&response, 2).header.revision, 3);
}

pub async fn every_operation_needs_a_key(store: &dyn Store) {
    let empty = [
        get_op(""),
        put_op("", "1"),
        delete_op(single("")),
        nested(vec![put_op("", "1")]),
        nested(vec![nested(vec![get_op("")])]),
    ];
    for op in empty {
        assert_eq!(refused(store, vec![put_op("b", "1"), op]).await, Error::EmptyKey);
    }
}

pub async fn the_other_branch_is_checked_for_form_alone(store: &dyn Store) {
    let leased = PutRequest { key: "a".into(), lease: 99, ..PutRequest::default() };
    let missing = PutRequest { key: "a".into(), ignore_value: true, ..PutRequest::default() };
    let failure = vec![RequestOp::Put(leased)];
    let txn = Txn { success: vec![put_op("b", "1")], failure, ..Txn::default() };
    assert!(store.txn(txn).await.expect("the transaction is accepted").succeeded);
    let failure = vec![RequestOp::Put(missing)];
    let txn = Txn { success: vec![put_op("b", "2")], failure, ..Txn::default() };
    assert!(store.txn(txn).await.expect("the transaction is accepted").succeeded);
    let txn = Txn { failure: vec![put_op("", "1")], ..Txn::default() };
    assert_eq!(store.txn(txn).await, Err(Error::EmptyKey));
}

pub async fn a_put_may_not_say_what_it_ignores(store: &dyn Store) {
    let valued = PutRequest {
        key: "a".into(),
        value: "v".into(),
        ignore_value: true,
        ..PutRequest::default()
    };
    let leased =
        PutRequest { key: "a".into(), lease: 1, ignore_lease: true, ..PutRequest::default() };
    assert_eq!(refused(store, vec![RequestOp::Put(valued)]).await, Error::ValueProvided);
    assert_eq!(refused(store, vec![RequestOp::Put(leased)]).await, Error::LeaseProvided);
}

pub async fn what_is_ignored_must_stand_before_the_transaction(store: &dyn Store) {
    put(store, "a", "1").await;
    let keeps = |key: &'static str| {
        RequestOp::Put(PutRequest { key: key.into(), ignore_value: true, ..PutRequest::default() })
    };
    run(store, vec![keeps("a")]).await;
    assert_eq!(refused(store, vec![put_op("c", "1"), keeps("b")]).await, Error::KeyNotFound);
}

fn puts(count: usize) -> Vec<RequestOp> {
    (0..count).map(|at| put_op(&format!("{at:03}"), "")).collect()
}

pub async fn as_many_operations_as_allowed(store: &dyn Store) {
    let response = run(store, puts(128)).await;
    assert_eq!((response.responses.len(), response.header.revision), (128, 2));
    assert_eq!(refused(store, puts(129)).await, Error::TooManyOps);
    let txn = Txn { failure: puts(129), ..Txn::default() };
    assert_eq!(store.txn(txn).await, Err(Error::TooManyOps));
}

pub async fn as_many_compares_as_allowed(store: &dyn Store) {
    let compares = |count| Txn {
        compare: (0..count).flat_map(|_| version_is("x", 0)).collect(),
        ..Txn::default()
    };
    assert!(store.txn(compares(128)).await.expect("the transaction is accepted").succeeded);
    assert_eq!(store.txn(compares(129)).await, Err(Error::TooManyOps));
}

pub async fn a_nested_transaction_may_have_what_is_left(store: &dyn Store) {
    run(store, vec![nested(puts(127))]).await;
    assert_eq!(refused(store, vec![nested(puts(128))]).await, Error::TooManyOps);
    let beside = |own: usize, inner: usize| {
        let mut ops: Vec<_> = (1..own).map(|at| put_op(&format!("x{at}"), "")).collect();
        ops.push(nested(puts(inner)));
        ops
    };
    run(store, beside(64, 64)).await;
    assert_eq!(refused(store, beside(64, 65)).await, Error::TooManyOps);
}

pub async fn nesting_goes_deep(store: &dyn Store) {
    let deepest = nested(vec![put_op("d", "4"), get_op("a")]);
    let ops = vec![
        put_op("a", "1"),
        nested(vec![put_op("b", "2"), nested(vec![put_op("c", "3"), deepest])]),
    ];
    let response = run(store, ops).await;
    assert_eq!(response.header.revision, 2);
    let third = inner(inner(inner(&response, 1), 1), 1);
    assert_eq!((range_at(third, 1).count, range_at(third, 1).header.revision), (1, 2));
    assert_eq!(keys_of(&get(store, prefix("")).await), "a,b,c,d");
    assert!(get(store, prefix("")).await.kvs.iter().all(|kv| kv.mod_revision == 2));
}

pub async fn nested_branches_are_chosen_each_for_itself(store: &dyn Store) {
    put(store, "a", "1").await;
    let choice = |version, name: &str| {
        RequestOp::Txn(Txn {
            compare: version_is("a", version),
            success: vec![put_op(&format!("{name}-then"), "")],
            failure: vec![put_op(&format!("{name}-else"), "")],
        })
    };
    let response = run(store, vec![choice(1, "one"), choice(2, "two")]).await;
    assert!(response.succeeded);
    assert!(inner(&response, 0).succeeded && !inner(&response, 1).succeeded);
    assert_eq!(keys_of(&get(store, prefix("")).await), "a,one-then,two-else");
}

pub async fn a_put_after_a_siblings_delete_is_refused(store: &dyn Store) {
    put(store, "a", "1").await;
    let gone = || nested(vec![delete_op(single("a"))]);
    let back = || nested(vec![put_op("a", "2")]);
    assert_eq!(refused(store, vec![gone(), back()]).await, Error::DuplicateKey);
    assert_eq!(refused(store, vec![gone(), put_op("a", "2")]).await, Error::DuplicateKey);
    assert_eq!(refused(store, vec![put_op("a", "2"), gone()]).await, Error::DuplicateKey);
    assert_eq!(refused(store, vec![delete_op(prefix("a")), back()]).await, Error::DuplicateKey);
    assert_eq!(refused(store, vec![back(), back()]).await, Error::DuplicateKey);
}

pub async fn a_delete_after_a_siblings_put_is_accepted(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    put(store, "b", "1").await; // 3
    let request = WatchRequest { range: prefix(""), start_revision: 4 };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    let ops = vec![
        nested(vec![put_op("a", "2"), put_op("new", "2")]),
        nested(vec![delete_op(single("a")), delete_op(single("new"))]),
    ];
    let response = run(store, ops).await;
    let ResponseOp::DeleteRange(gone) = &inner(&response, 1).responses[0] else {
        panic!("{response:?}")
    };
    assert_eq!((gone.deleted, response.header.revision), (1, 4));
    assert_eq!(keys_of(&get(store, prefix("")).await), "b");
    assert_eq!(keys_of(&get_at(store, prefix(""), 3).await), "a,b");
    let Some(WatchItem::Events { revision: 4, events }) = watcher.items.recv().await else {
        panic!("the transaction was split or missed")
    };
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let previous = event.prev_kv.as_ref().map(|kv| kv.mod_revision);
            (event.event_type, event.kv.key.clone(), previous)
        })
        .collect();
    assert_eq!(
        told,
        [
            (EventType::Put, "a".into(), Some(2)),
            (EventType::Put, "new".into(), None),
            (EventType::Delete, "a".into(), Some(2)),
            (EventType::Delete, "new".into(), None),
        ]
    );
    assert_eq!(put(store, "a", "3").await, 5);
    assert_eq!(get(store, single("a")).await.kvs[0].version, 1);
    assert_eq!(keys_of(&get_at(store, prefix(""), 4).await), "b");
    assert_eq!(values(&get_at(store, single("a"), 2).await), pairs(&[("a", "1")]));
}

pub async fn an_open_ended_delete_overlaps_nothing(store: &dyn Store) {
    put(store, "a", "1").await; // 2
    let request = WatchRequest { range: prefix(""), start_revision: 3 };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    run(store, vec![delete_op(prefix("")), put_op("a", "2")]).await; // 3
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.version, kv.value), (3, 1, "2".into()));
    assert_eq!(values(&get_at(store, single("a"), 2).await), pairs(&[("a", "1")]));
    let seen = take_events(&mut watcher, 2).await;
    assert_eq!(seen[0], (3, EventType::Delete, "a".into(), String::new()));
    assert_eq!(seen[1], (3, EventType::Put, "a".into(), "2".into()));
    run(store, vec![put_op("a", "3"), delete_op(prefix(""))]).await; // 4
    assert_eq!(get(store, prefix("")).await.count, 0);
    assert_eq!(values(&get_at(store, single("a"), 3).await), pairs(&[("a", "2")]));
}

pub async fn branches_may_overlap_each_other(store: &dyn Store) {
    let choice = RequestOp::Txn(Txn {
        compare: version_is("a", 0),
        success: vec![put_op("a", "new")],
        failure: vec![delete_op(single("a"))],
    });
    run(store, vec![choice.clone()]).await;
    assert_eq!(get(store, single("a")).await.count, 1);
    run(store, vec![choice]).await;
    assert_eq!(get(store, single("a")).await.count, 0);
}

pub async fn an_empty_nested_transaction_succeeds(store: &dyn Store) {
    let response = run(store, vec![nested(vec![])]).await;
    assert!(inner(&response, 0).succeeded);
    assert_eq!(response.header.revision, 1);
}

pub async fn a_nested_range_sees_the_outer_writes(store: &dyn Store) {
    let response = run(store, vec![put_op("a", "1"), nested(vec![get_op("a")]), get_op("a")]).await;
    assert_eq!(range_at(inner(&response, 1), 0).count, 1);
    assert_eq!(range_at(&response, 2).kvs[0].mod_revision, 2);
}

pub async fn leases_are_attached_inside(store: &dyn Store) {
    store.lease_grant(7, 60).await.expect("a lease is granted");
    let leased = |key: &'static str| {
        RequestOp::Put(PutRequest { key: key.into(), lease: 7, ..PutRequest::default() })
    };
    run(store, vec![leased("a"), nested(vec![leased("b")])]).await;
    run(store, vec![put_op("a", "detached")]).await;
    store.lease_revoke(7).await.expect("the lease is revoked");
    assert_eq!(keys_of(&get(store, prefix("")).await), "a");
}
