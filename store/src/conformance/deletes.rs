//! Deletes, one rule each.

use super::*;

async fn fill(store: &dyn Store) {
    for key in ["a", "ab", "b", "c", "d"] {
        put(store, key, key).await;
    }
}

async fn left_after(store: &dyn Store, range: KeyRange) -> String {
    fill(store).await;
    delete(store, range).await;
    keys_of(&get(store, prefix("")).await)
}

pub async fn one_key_is_not_its_prefix(store: &dyn Store) {
    assert_eq!(left_after(store, single("a")).await, "ab,b,c,d");
}

pub async fn a_range_ends_before_its_end(store: &dyn Store) {
    assert_eq!(left_after(store, span("ab", "c")).await, "a,c,d");
}

pub async fn an_open_end_reaches_the_last_key(store: &dyn Store) {
    assert_eq!(left_after(store, span("b", "\0")).await, "a,ab");
}

pub async fn everything_goes(store: &dyn Store) {
    assert_eq!(left_after(store, prefix("")).await, "");
}

pub async fn a_reversed_range_is_empty(store: &dyn Store) {
    assert_eq!(left_after(store, span("d", "b")).await, "a,ab,b,c,d");
}

pub async fn previous_values_come_only_when_asked(store: &dyn Store) {
    fill(store).await;
    let request = DeleteRangeRequest { range: span("a", "c"), prev_kv: false };
    let quiet = store.delete_range(request).await.expect("a delete is accepted");
    assert_eq!((quiet.deleted, quiet.prev_kvs), (3, vec![]));
    let told = delete(store, prefix("")).await;
    assert_eq!(told.deleted, 2);
    let previous: Vec<_> =
        told.prev_kvs.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect();
    assert_eq!(previous, [("c".into(), "c".into()), ("d".into(), "d".into())]);
}

pub async fn a_second_delete_finds_nothing(store: &dyn Store) {
    fill(store).await;
    let first = delete(store, single("b")).await;
    let second = delete(store, single("b")).await;
    assert_eq!((first.deleted, second.deleted), (1, 0));
    assert_eq!(first.header.revision, second.header.revision);
}

pub async fn the_previous_value_is_whole(store: &dyn Store) {
    let lease = store.lease_grant(0, 60).await.expect("a lease is granted").id;
    put(store, "a", "1").await; // 2
    let request = PutRequest { key: "a".into(), value: "2".into(), lease, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted"); // 3
    let gone = delete(store, single("a")).await;
    let expected = KeyValue {
        key: "a".into(),
        value: "2".into(),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        lease,
    };
    assert_eq!(gone.prev_kvs, [expected]);
}
