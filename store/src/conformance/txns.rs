//! Transactions.

use super::*;
use crate::error::Error;

fn compare(range: KeyRange, result: CompareResult, target: CompareTarget) -> Compare {
    Compare { range, result, target }
}

async fn holds(store: &dyn Store, compare: Compare) -> bool {
    let txn = Txn { compare: vec![compare], ..Txn::default() };
    store.txn(txn).await.expect("the transaction is accepted").succeeded
}

pub async fn compares_choose_the_branch(store: &dyn Store) {
    let revision = put(store, "a", "1").await;
    let create = |at| Txn {
        compare: vec![compare(single("a"), CompareResult::Equal, CompareTarget::ModRevision(at))],
        success: vec![put_op("a", "2")],
        failure: vec![get_op("a")],
    };
    let lost = store.txn(create(0)).await.expect("the transaction is accepted");
    assert!(!lost.succeeded);
    let [ResponseOp::Range(current)] = &lost.responses[..] else { panic!("{lost:?}") };
    assert_eq!(current.kvs[0].mod_revision, revision);
    assert_eq!((current.header.revision, lost.header.revision), (revision, revision));
    let won = store.txn(create(revision)).await.expect("the transaction is accepted");
    assert!(won.succeeded);
    assert_eq!(won.header.revision, revision + 1);
    assert_eq!(values(&get(store, single("a")).await), pairs(&[("a", "2")]));
}

pub async fn compares_on_missing_keys(store: &dyn Store) {
    use CompareResult::*;
    use CompareTarget::*;
    for target in [Version(0), CreateRevision(0), ModRevision(0), Lease(0)] {
        assert!(holds(store, compare(single("x"), Equal, target.clone())).await, "{target:?}");
        assert!(!holds(store, compare(single("x"), Greater, target)).await);
    }
    for result in [Equal, NotEqual, Less, Greater] {
        assert!(!holds(store, compare(single("x"), result, Value("".into()))).await);
    }
    put(store, "a1", "v").await;
    put(store, "a2", "w").await;
    assert!(holds(store, compare(prefix("a"), Equal, Version(1))).await);
    assert!(!holds(store, compare(prefix("a"), Equal, Value("v".into()))).await);
    assert!(holds(store, compare(prefix("a"), Less, Value("x".into()))).await);
    assert!(holds(store, compare(prefix("a"), Greater, ModRevision(1))).await);
}

pub async fn one_transaction_is_one_revision(store: &dyn Store) {
    put(store, "old", "1").await;
    let txn = Txn {
        success: vec![
            put_op("a", "1"),
            put_op("b", "1"),
            delete_op(single("old")),
            delete_op(single("nothing")),
        ],
        ..Txn::default()
    };
    let response = store.txn(txn).await.expect("the transaction is accepted");
    assert_eq!(response.header.revision, 3);
    for kv in get(store, prefix("")).await.kvs {
        assert_eq!((kv.create_revision, kv.mod_revision), (3, 3));
    }
    assert_eq!(get_at(store, prefix(""), 2).await.count, 1);
}

pub async fn ranges_see_earlier_writes_of_the_transaction(store: &dyn Store) {
    let before = put(store, "a", "1").await;
    let old = RangeRequest { range: prefix(""), revision: before, ..RangeRequest::default() };
    let txn = Txn {
        success: vec![
            get_op("a"),
            put_op("a", "2"),
            get_op("a"),
            RequestOp::Range(old),
            delete_op(single("nothing")),
        ],
        ..Txn::default()
    };
    let response = store.txn(txn).await.expect("the transaction is accepted");
    let range = |at: usize| match &response.responses[at] {
        ResponseOp::Range(range) => (range.header.revision, range.kvs[0].value.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(range(0), (before, "1".into()));
    assert_eq!(range(2), (before + 1, "2".into()));
    assert_eq!(range(3), (before + 1, "1".into()));
    let ResponseOp::DeleteRange(none) = &response.responses[4] else { panic!("{response:?}") };
    assert_eq!((none.header.revision, none.deleted), (before + 1, 0));
}

pub async fn a_refused_transaction_changes_nothing(store: &dyn Store) {
    let revision = put(store, "a", "1").await;
    let future = RangeRequest { range: single("a"), revision: 99, ..RangeRequest::default() };
    let leased = PutRequest { key: "c".into(), lease: 4711, ..PutRequest::default() };
    let missing = PutRequest { key: "d".into(), ignore_value: true, ..PutRequest::default() };
    let refused = [
        (RequestOp::Range(future), Error::FutureRevision { current_revision: revision }),
        (RequestOp::Put(leased), Error::LeaseNotFound),
        (RequestOp::Put(missing), Error::KeyNotFound),
    ];
    for (op, error) in refused {
        let txn = Txn { success: vec![put_op("b", "1"), op], ..Txn::default() };
        let answer = store.txn(txn).await.expect_err("the transaction is refused");
        assert_eq!(answer.to_string(), error.to_string());
        assert_eq!(get(store, prefix("")).await.header.revision, revision);
        assert_eq!(get(store, prefix("")).await.count, 1);
    }
}

pub async fn duplicate_keys_are_refused(store: &dyn Store) {
    let nested = |success, failure| RequestOp::Txn(Txn { compare: Vec::new(), success, failure });
    let refused = [
        vec![put_op("a", "1"), put_op("a", "2")],
        vec![put_op("a", "1"), delete_op(prefix("a"))],
        vec![delete_op(prefix("a")), put_op("a", "1")],
        vec![put_op("a", "1"), nested(vec![put_op("a", "2")], vec![])],
        vec![nested(vec![], vec![put_op("a", "2")]), delete_op(single("a"))],
    ];
    for success in refused {
        let txn = Txn { success, ..Txn::default() };
        assert_eq!(store.txn(txn).await, Err(Error::DuplicateKey));
    }
    let accepted = [
        vec![delete_op(prefix("a")), delete_op(single("a"))],
        vec![nested(vec![put_op("a", "1")], vec![put_op("a", "2")])],
        vec![nested(vec![put_op("a", "1")], vec![delete_op(single("a"))])],
    ];
    for success in accepted {
        let txn = Txn { success: success.clone(), failure: success, ..Txn::default() };
        store.txn(txn).await.expect("the branches exclude each other");
    }
    let many = (0..129).map(|at| put_op(&at.to_string(), "")).collect();
    let txn = Txn { success: many, ..Txn::default() };
    assert_eq!(store.txn(txn).await, Err(Error::TooManyOps));
}

pub async fn nested_transactions_compare_first(store: &dyn Store) {
    put(store, "a", "1").await;
    let inner = Txn {
        compare: vec![compare(single("a"), CompareResult::Equal, CompareTarget::Value("1".into()))],
        success: vec![put_op("b", "old seen")],
        failure: vec![put_op("b", "new seen")],
    };
    let txn = Txn { success: vec![put_op("a", "2"), RequestOp::Txn(inner)], ..Txn::default() };
    let response = store.txn(txn).await.expect("the transaction is accepted");
    let ResponseOp::Txn(nested) = &response.responses[1] else { panic!("{response:?}") };
    assert!(nested.succeeded);
    assert_eq!(values(&get(store, prefix("")).await), pairs(&[("a", "2"), ("b", "old seen")]));
}
