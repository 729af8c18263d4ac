//! What compares see.

use super::*;
use crate::error::Error;
use CompareResult::*;

async fn holds(
    store: &dyn Store,
    range: KeyRange,
    result: CompareResult,
    target: CompareTarget,
) -> bool {
    let txn = Txn { compare: vec![Compare { range, result, target }], ..Txn::default() };
    store.txn(txn).await.expect("the transaction is accepted").succeeded
}

/// Checks every result of a comparison whose subject is `at`, with one below and one above.
async fn all_results<T: Clone>(
    store: &dyn Store,
    [below, at, above]: [T; 3],
    target: fn(T) -> CompareTarget,
) {
    let cases = [
        (Equal, [false, true, false]),
        (NotEqual, [true, false, true]),
        (Greater, [true, false, false]),
        (Less, [false, false, true]),
    ];
    for (result, expected) in cases {
        for (operand, expected) in [&below, &at, &above].into_iter().zip(expected) {
            let target = target(operand.clone());
            let told = holds(store, single("a"), result, target.clone()).await;
            assert_eq!(told, expected, "{result:?} {target:?}");
        }
    }
}

/// a created at 3, changed at 4 and 5, with lease 50.
async fn fill(store: &dyn Store) {
    store.lease_grant(50, 60).await.expect("a lease is granted");
    put(store, "other", "").await;
    for value in ["1", "2", "mid"] {
        let request =
            PutRequest { key: "a".into(), value: value.into(), lease: 50, ..PutRequest::default() };
        store.put(request).await.expect("a put is accepted");
    }
}

pub async fn versions(store: &dyn Store) {
    fill(store).await;
    all_results(store, [2, 3, 4], CompareTarget::Version).await;
}

pub async fn create_revisions(store: &dyn Store) {
    fill(store).await;
    all_results(store, [2, 3, 4], CompareTarget::CreateRevision).await;
}

pub async fn mod_revisions(store: &dyn Store) {
    fill(store).await;
    all_results(store, [4, 5, 6], CompareTarget::ModRevision).await;
}

pub async fn leases(store: &dyn Store) {
    fill(store).await;
    all_results(store, [49, 50, 51], CompareTarget::Lease).await;
}

pub async fn values_bytewise(store: &dyn Store) {
    fill(store).await;
    let operands = [&b"lzz"[..], b"mid", b"mid\0"].map(Bytes::from_static);
    all_results(store, operands, CompareTarget::Value).await;
}

pub async fn a_missing_key_is_all_zeros(store: &dyn Store) {
    fill(store).await;
    let x = || single("x");
    assert!(holds(store, x(), Equal, CompareTarget::ModRevision(0)).await);
    assert!(holds(store, x(), Less, CompareTarget::Version(1)).await);
    assert!(holds(store, x(), NotEqual, CompareTarget::CreateRevision(5)).await);
    assert!(!holds(store, x(), NotEqual, CompareTarget::Lease(0)).await);
}

pub async fn a_missing_value_equals_nothing(store: &dyn Store) {
    for result in [Equal, NotEqual, Greater, Less] {
        assert!(!holds(store, single("x"), result, CompareTarget::Value("".into())).await);
        assert!(!holds(store, single("x"), result, CompareTarget::Value("v".into())).await);
    }
}

pub async fn a_deleted_key_is_missing(store: &dyn Store) {
    fill(store).await;
    delete(store, single("a")).await;
    assert!(holds(store, single("a"), Equal, CompareTarget::Version(0)).await);
    assert!(holds(store, single("a"), Equal, CompareTarget::ModRevision(0)).await);
}

pub async fn a_range_holds_for_every_key(store: &dyn Store) {
    for (key, value) in [("p1", "v"), ("p2", "v"), ("p3", "w")] {
        put(store, key, value).await;
    }
    let value = |text: &'static str| CompareTarget::Value(text.into());
    assert!(holds(store, span("p1", "p3"), Equal, value("v")).await);
    assert!(!holds(store, prefix("p"), Equal, value("v")).await);
    assert!(!holds(store, prefix("p"), NotEqual, value("w")).await);
    assert!(holds(store, prefix("p"), Less, value("x")).await);
    assert!(holds(store, span("p3", "\0"), Equal, value("w")).await);
}

pub async fn an_empty_range_is_a_missing_key(store: &dyn Store) {
    put(store, "a", "v").await;
    assert!(holds(store, prefix("p"), Equal, CompareTarget::Version(0)).await);
    assert!(!holds(store, prefix("p"), Equal, CompareTarget::Value("v".into())).await);
    assert!(holds(store, span("z", "b"), Equal, CompareTarget::CreateRevision(0)).await);
}

pub async fn every_compare_must_hold(store: &dyn Store) {
    fill(store).await;
    let version =
        |at| Compare { range: single("a"), result: Equal, target: CompareTarget::Version(at) };
    for (compare, expected) in [
        (vec![], true),
        (vec![version(3), version(3)], true),
        (vec![version(3), version(4)], false),
        (vec![version(4), version(3)], false),
    ] {
        let txn = Txn { compare, ..Txn::default() };
        let response = store.txn(txn).await.expect("the transaction is accepted");
        assert_eq!(response.succeeded, expected);
    }
}

pub async fn a_compare_needs_a_key(store: &dyn Store) {
    let compare =
        Compare { range: KeyRange::default(), result: Equal, target: CompareTarget::Version(0) };
    let txn = Txn { compare: vec![compare], ..Txn::default() };
    assert_eq!(store.txn(txn).await, Err(Error::EmptyKey));
}
