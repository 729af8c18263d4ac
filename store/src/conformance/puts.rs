//! Puts, one rule each.

use super::*;
use crate::error::Error;

pub async fn an_answer_tells_the_previous_value_only_when_asked(store: &dyn Store) {
    put(store, "a", "1").await;
    let plain = PutRequest { key: "a".into(), value: "2".into(), ..PutRequest::default() };
    let asking = PutRequest { prev_kv: true, ..plain.clone() };
    assert_eq!(store.put(plain).await.expect("a put is accepted").prev_kv, None);
    let previous = store.put(asking).await.expect("a put is accepted").prev_kv;
    assert_eq!(previous.map(|kv| (kv.value, kv.version)), Some(("2".into(), 2)));
}

pub async fn a_new_key_has_no_previous_value(store: &dyn Store) {
    let new = PutRequest { key: "a".into(), prev_kv: true, ..PutRequest::default() };
    assert_eq!(store.put(new.clone()).await.expect("a put is accepted").prev_kv, None);
    delete(store, single("a")).await;
    assert_eq!(store.put(new).await.expect("a put is accepted").prev_kv, None);
}

pub async fn keys_and_values_are_any_bytes(store: &dyn Store) {
    let keys: [&'static [u8]; 5] = [b"\0", b"\0\0", b"a\0b", b"\xff", b"\xff\xff\xff"];
    for key in keys {
        let request = PutRequest {
            key: Bytes::from_static(key),
            value: Bytes::from_static(key),
            ..PutRequest::default()
        };
        store.put(request).await.expect("any key is accepted");
    }
    let found = get(store, prefix("")).await;
    let stored: Vec<&[u8]> = found.kvs.iter().map(|kv| kv.key.as_ref()).collect();
    assert_eq!(stored, keys);
    assert!(found.kvs.iter().all(|kv| kv.key == kv.value));
}

pub async fn an_empty_value_is_a_value(store: &dyn Store) {
    put(store, "a", "").await;
    let found = get(store, single("a")).await;
    assert_eq!((found.count, found.kvs[0].value.len()), (1, 0));
}

pub async fn ignore_value_changes_the_lease_alone(store: &dyn Store) {
    put(store, "a", "kept").await;
    let lease = store.lease_grant(0, 60).await.expect("a lease is granted").id;
    let request =
        PutRequest { key: "a".into(), lease, ignore_value: true, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted");
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.value, kv.lease, kv.version), ("kept".into(), lease, 2));
}

pub async fn ignoring_both_still_counts(store: &dyn Store) {
    let first = put(store, "a", "kept").await;
    let request = PutRequest {
        key: "a".into(),
        ignore_value: true,
        ignore_lease: true,
        ..PutRequest::default()
    };
    let response = store.put(request).await.expect("a put is accepted");
    assert_eq!(response.header.revision, first + 1);
    let kv = get(store, single("a")).await.kvs.remove(0);
    assert_eq!((kv.value, kv.version, kv.mod_revision), ("kept".into(), 2, first + 1));
}

pub async fn a_deleted_key_has_nothing_to_ignore(store: &dyn Store) {
    put(store, "a", "1").await;
    let gone = delete(store, single("a")).await.header.revision;
    let request = PutRequest { key: "a".into(), ignore_value: true, ..PutRequest::default() };
    assert_eq!(store.put(request).await, Err(Error::KeyNotFound));
    assert_eq!(revision(store).await, gone);
}

pub async fn a_refused_put_takes_no_revision(store: &dyn Store) {
    let before = put(store, "a", "1").await;
    let request = PutRequest { key: "a".into(), lease: 99, ..PutRequest::default() };
    assert_eq!(store.put(request).await, Err(Error::LeaseNotFound));
    assert_eq!(revision(store).await, before);
    assert_eq!(values(&get(store, single("a")).await), pairs(&[("a", "1")]));
}

pub async fn a_megabyte_is_stored(store: &dyn Store) {
    let value = Bytes::from(vec![7; 1 << 20]);
    let request = PutRequest { key: "a".into(), value: value.clone(), ..PutRequest::default() };
    store.put(request).await.expect("a large put is accepted");
    assert_eq!(get(store, single("a")).await.kvs[0].value, value);
}

pub async fn more_than_the_limit_is_refused(store: &dyn Store) {
    let value = Bytes::from(vec![7; 1_600_000]);
    let request = PutRequest { key: "a".into(), value, ..PutRequest::default() };
    assert_eq!(store.put(request).await, Err(Error::RequestTooLarge));
    assert_eq!(revision(store).await, 1);
}
