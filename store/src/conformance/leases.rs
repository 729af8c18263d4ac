//! Leases, as far as no time has to pass.

use super::*;
use crate::error::Error;

async fn put_leased(store: &dyn Store, key: &'static str, lease: i64) {
    let request = PutRequest { key: key.into(), lease, ..PutRequest::default() };
    store.put(request).await.expect("a leased put is accepted");
}

async fn keys(store: &dyn Store, lease: i64) -> Vec<Bytes> {
    let mut keys = store.lease_time_to_live(lease, true).await.expect("the lease is known").keys;
    keys.sort(); // etcd tells them in no order.
    keys
}

pub async fn a_revoked_lease_deletes_its_keys_at_once(store: &dyn Store) {
    let granted = store.lease_grant(77, 60).await.expect("a lease is granted");
    assert_eq!((granted.id, granted.ttl, granted.header.revision), (77, 60, 1));
    put_leased(store, "b", 77).await;
    put_leased(store, "a", 77).await;
    put(store, "c", "stays").await;
    assert_eq!(keys(store, 77).await, ["a", "b"]);
    let request = WatchRequest { range: prefix(""), start_revision: 0 };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    let header = store.lease_revoke(77).await.expect("the lease is revoked");
    assert_eq!(header.revision, 5);
    let events = take_events(&mut watcher, 2).await;
    assert!(events.iter().all(|event| event.0 == 5 && event.1 == EventType::Delete));
    assert_eq!((events[0].2.as_str(), events[1].2.as_str()), ("a", "b"));
    assert_eq!(get(store, prefix("")).await.count, 1);
    assert_eq!(store.leases().await, Ok(vec![]));
    let empty = store.lease_grant(0, 60).await.expect("a lease is granted").id;
    let header = store.lease_revoke(empty).await.expect("the lease is revoked");
    assert_eq!(header.revision, 5, "a lease without keys takes no revision");
}

pub async fn a_put_without_the_lease_detaches(store: &dyn Store) {
    for id in [1, 2] {
        store.lease_grant(id, 60).await.expect("a lease is granted");
    }
    put_leased(store, "a", 1).await;
    put_leased(store, "a", 2).await;
    assert_eq!((keys(store, 1).await.len(), keys(store, 2).await.len()), (0, 1));
    put(store, "a", "plain").await;
    assert_eq!(keys(store, 2).await.len(), 0);
    put_leased(store, "a", 1).await;
    delete(store, single("a")).await;
    assert_eq!(keys(store, 1).await.len(), 0);
    put(store, "a", "again").await;
    store.lease_revoke(1).await.expect("the lease is revoked");
    assert_eq!(get(store, single("a")).await.count, 1);
}

pub async fn unknown_leases_are_told_apart(store: &dyn Store) {
    let unknown = store.lease_time_to_live(5, false).await.expect("no error");
    assert_eq!((unknown.id, unknown.ttl), (5, -1));
    let unknown = store.lease_keep_alive(5).await.expect("no error");
    assert_eq!((unknown.id, unknown.ttl), (5, 0));
    assert_eq!(store.lease_revoke(5).await, Err(Error::LeaseNotFound));
    assert_eq!(store.lease_grant(5, 9_000_000_001).await, Err(Error::LeaseTtlTooLarge));
    let short = store.lease_grant(5, 0).await.expect("a lease is granted");
    assert_eq!(short.ttl, 2);
    assert_eq!(store.lease_grant(5, 10).await, Err(Error::LeaseExists));
    assert_eq!(store.lease_keep_alive(5).await.expect("the lease lives").ttl, 2);
    assert_eq!(store.leases().await, Ok(vec![5]));
}
