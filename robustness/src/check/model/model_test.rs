use std::collections::HashSet;

use super::*;
use crate::history::*;

fn put(key: &str, value: &str, lease: i64) -> Request {
    let (key, value) = (key.to_owned(), value.to_owned());
    Request::Put(Put { key, value, lease, prev_kv: true })
}

fn delete(key: &str, end: Option<&str>) -> Request {
    let (key, end) = (key.to_owned(), end.map(str::to_owned));
    Request::Delete(Delete { key, end, prev_kv: true })
}

fn range(key: &str, end: Option<&str>, revision: i64, limit: i64) -> Range {
    let (key, end) = (key.to_owned(), end.map(str::to_owned));
    Range { key, end, revision, limit, serializable: false }
}

/// Applies each request, which must not be refused; the last answer comes back.
fn apply(model: &mut Model, requests: &[Request]) -> Body {
    let mut body = Body::Compact;
    for request in requests {
        let kept = HashSet::from([1, 2, 3, 4]);
        let (next, evaluated) = model.apply(request, &kept).unwrap();
        (*model, body) = (next, evaluated.body);
    }
    body
}

fn refusal(model: &Model, request: &Request) -> Refusal {
    model.apply(request, &HashSet::new()).unwrap_err()
}

#[test]
fn versions_begin_anew_when_a_key_does() {
    let mut model = Model::default();
    let two = [put("a", "1", 0), put("a", "2", 0)];
    let Body::Put { prev_kv: Some(prev) } = apply(&mut model, &two) else { panic!("no prev_kv") };
    assert_eq!((prev.create_revision, prev.mod_revision, prev.version), (2, 2, 1));
    apply(&mut model, &[delete("a", None), put("a", "3", 0)]);
    let kv = model.keys.get("a").unwrap();
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (5, 5, 1));
}

#[test]
fn what_changes_nothing_takes_no_revision() {
    let mut model = Model::default();
    let empty = Txn::default();
    let nothing = [
        delete("a", Some("\0")),
        Request::Txn(empty),
        Request::Range(range("a", None, 0, 0)),
        Request::LeaseGrant { id: 1, ttl: 5 },
        Request::LeaseRevoke { id: 1 },
    ];
    apply(&mut model, &nothing);
    assert_eq!(model.keys.revision, 1);
    apply(&mut model, &[put("a", "1", 0), Request::Compact { revision: 2 }]);
    assert_eq!(model.keys.revision, 2);
}

#[test]
fn a_transaction_is_one_revision_and_sees_its_own_writes() {
    let mut model = Model::default();
    apply(&mut model, &[put("a", "1", 0)]);
    let (Request::Put(b), Request::Delete(a)) = (put("b", "2", 0), delete("a", None)) else {
        panic!("just made");
    };
    let all = || Op::Range(range("a", Some("\0"), 0, 0));
    let old = Op::Range(range("a", Some("\0"), 2, 0));
    let success = vec![all(), Op::Put(b), Op::Delete(a), all(), old];
    let txn = Txn { success, ..Txn::default() };
    let Body::Txn { succeeded, responses } = apply(&mut model, &[Request::Txn(txn)]) else {
        panic!("no transaction");
    };
    let keys = |body: &Body| match body {
        Body::Range { kvs, .. } => kvs.iter().map(|kv| kv.key.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?} is no range"),
    };
    assert!(succeeded, "no comparison fails");
    assert_eq!(model.keys.revision, 3);
    let read: Vec<_> = [0, 3, 4].iter().map(|index| keys(&responses[*index])).collect();
    assert_eq!(read, [["a"], ["b"], ["a"]]);
}

#[test]
fn a_missing_key_compares_as_0_and_has_no_value() {
    use CompareResult::*;
    for (result, target, holds) in [
        (Equal, Target::Version(0), true),
        (Equal, Target::CreateRevision(0), true),
        (Less, Target::ModRevision(1), true),
        (Greater, Target::ModRevision(0), false),
        (NotEqual, Target::Lease(0), false),
        (Equal, Target::Value(String::new()), false),
        (NotEqual, Target::Value("x".to_owned()), false),
    ] {
        let compare = Compare { key: "none".to_owned(), result, target };
        let txn = Txn { compares: vec![compare.clone()], ..Txn::default() };
        let Body::Txn { succeeded, .. } = apply(&mut Model::default(), &[Request::Txn(txn)]) else {
            panic!("no transaction");
        };
        assert_eq!(succeeded, holds, "{compare:?}");
    }
}

#[test]
fn limits_cut_and_counts_do_not() {
    let mut model = Model::default();
    apply(&mut model, &[put("a", "1", 0), put("b", "2", 0), put("c", "3", 0)]);
    for (end, limit, keys, count, more) in [
        (Some("\0"), 0, 3, 3, false),
        (Some("\0"), 2, 2, 3, true),
        (Some("\0"), 3, 3, 3, false),
        (Some("c"), 1, 1, 2, true),
        (None, 1, 1, 1, false),
        (Some("a"), 0, 0, 0, false),
    ] {
        let request = Request::Range(range("a", end, 0, limit));
        let Body::Range { kvs, count: counted, more: cut } = apply(&mut model, &[request]) else {
            panic!("no range");
        };
        assert_eq!((kvs.len(), counted, cut), (keys, count, more), "to {end:?}, limit {limit}");
    }
}

#[test]
fn keys_go_with_the_lease_that_they_are_attached_to_last() {
    let mut model = Model::default();
    apply(
        &mut model,
        &[
            Request::LeaseGrant { id: 1, ttl: 5 },
            Request::LeaseGrant { id: 2, ttl: 5 },
            put("a", "1", 1),
            put("b", "2", 1),
            put("c", "3", 1),
            put("d", "4", 1),
            put("a", "5", 0),
            put("b", "6", 2),
        ],
    );
    apply(&mut model, &[Request::LeaseRevoke { id: 1 }]);
    assert_eq!(model.keys.revision, 8, "both keys in one revision");
    let left: Vec<&str> = model.keys.live("a", Some("\0")).map(|kv| kv.key.as_str()).collect();
    assert_eq!(left, ["a", "b"]);
}

#[test]
fn refusals_are_etcd_s() {
    let mut model = Model::default();
    apply(
        &mut model,
        &[
            Request::LeaseGrant { id: 1, ttl: 5 },
            put("a", "1", 0),
            put("a", "2", 0),
            put("a", "3", 0),
            Request::Compact { revision: 3 },
        ],
    );
    let read = |revision| Request::Range(range("a", None, revision, 0));
    apply(&mut model, &[read(3), read(4)]);
    for (request, expected) in [
        (read(2), Refusal::Compacted),
        (read(5), Refusal::FutureRevision),
        (Request::Compact { revision: 3 }, Refusal::Compacted),
        (Request::Compact { revision: 5 }, Refusal::FutureRevision),
        (Request::LeaseGrant { id: 1, ttl: 5 }, Refusal::LeaseExists),
        (Request::LeaseRevoke { id: 2 }, Refusal::LeaseNotFound),
        (put("a", "4", 2), Refusal::LeaseNotFound),
    ] {
        assert_eq!(refusal(&model, &request), expected, "{request:?}");
    }
}
