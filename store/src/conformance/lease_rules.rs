//! Leases, one rule each.

use super::*;
use crate::error::Error;

async fn grant(store: &dyn Store, id: i64, ttl: i64) -> LeaseGranted {
    store.lease_grant(id, ttl).await.expect("a lease is granted")
}

async fn put_leased(store: &dyn Store, key: &'static str, lease: i64) {
    let request = PutRequest { key: key.into(), lease, ..PutRequest::default() };
    store.put(request).await.expect("a leased put is accepted");
}

async fn attached(store: &dyn Store, lease: i64) -> usize {
    store.lease_time_to_live(lease, true).await.expect("no error").keys.len()
}

pub async fn an_id_is_chosen_for_zero(store: &dyn Store) {
    let (first, second) = (grant(store, 0, 60).await, grant(store, 0, 60).await);
    assert!(first.id > 0 && second.id > 0 && first.id != second.id);
}

pub async fn granting_takes_no_revision(store: &dyn Store) {
    put(store, "a", "").await;
    assert_eq!(grant(store, 5, 60).await.header.revision, 2);
    assert_eq!(revision(store).await, 2);
}

pub async fn a_short_ttl_is_raised(store: &dyn Store) {
    assert_eq!(grant(store, 1, 1).await.ttl, 2);
    assert_eq!(grant(store, 2, 2).await.ttl, 2);
    assert_eq!(grant(store, 3, 3).await.ttl, 3);
    assert_eq!(grant(store, 4, -5).await.ttl, 2);
}

pub async fn the_longest_ttl(store: &dyn Store) {
    assert_eq!(grant(store, 1, 9_000_000_000).await.ttl, 9_000_000_000);
    let refused = store.lease_grant(2, 9_000_000_001).await;
    assert_eq!(refused, Err(Error::LeaseTtlTooLarge));
    assert_eq!(store.leases().await, Ok(vec![1]));
}

pub async fn an_id_is_granted_once(store: &dyn Store) {
    grant(store, 5, 60).await;
    assert_eq!(store.lease_grant(5, 60).await, Err(Error::LeaseExists));
    store.lease_revoke(5).await.expect("the lease is revoked");
    grant(store, 5, 30).await;
    let lease = store.lease_time_to_live(5, false).await.expect("no error");
    assert_eq!(lease.granted_ttl, 30);
}

pub async fn a_negative_id_is_an_id(store: &dyn Store) {
    assert_eq!(grant(store, -5, 60).await.id, -5);
    put_leased(store, "a", -5).await;
    assert_eq!(attached(store, -5).await, 1);
}

pub async fn the_time_left_is_told(store: &dyn Store) {
    grant(store, 5, 60).await;
    let lease = store.lease_time_to_live(5, false).await.expect("no error");
    assert_eq!((lease.id, lease.granted_ttl), (5, 60));
    assert!((1..=60).contains(&lease.ttl), "{lease:?}");
}

pub async fn keys_are_told_only_when_asked(store: &dyn Store) {
    grant(store, 5, 60).await;
    put_leased(store, "a", 5).await;
    let lease = store.lease_time_to_live(5, false).await.expect("no error");
    assert!(lease.keys.is_empty());
    assert_eq!(attached(store, 5).await, 1);
}

pub async fn a_deleted_key_is_detached(store: &dyn Store) {
    grant(store, 5, 60).await;
    put_leased(store, "a", 5).await;
    put_leased(store, "b", 5).await;
    delete(store, single("a")).await;
    assert_eq!(attached(store, 5).await, 1);
}

pub async fn a_key_has_one_lease(store: &dyn Store) {
    grant(store, 1, 60).await;
    grant(store, 2, 60).await;
    put_leased(store, "a", 1).await;
    put_leased(store, "a", 2).await;
    assert_eq!((attached(store, 1).await, attached(store, 2).await), (0, 1));
    store.lease_revoke(1).await.expect("the lease is revoked");
    assert_eq!(get(store, single("a")).await.kvs[0].lease, 2);
}

pub async fn renewing_with_the_same_lease_keeps_it(store: &dyn Store) {
    grant(store, 1, 60).await;
    put_leased(store, "a", 1).await;
    put_leased(store, "a", 1).await;
    assert_eq!(attached(store, 1).await, 1);
    store.lease_revoke(1).await.expect("the lease is revoked");
    assert_eq!(get(store, single("a")).await.count, 0);
}

pub async fn an_ignored_lease_stays_attached(store: &dyn Store) {
    grant(store, 1, 60).await;
    put_leased(store, "a", 1).await;
    let request = PutRequest { key: "a".into(), ignore_lease: true, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted");
    store.lease_revoke(1).await.expect("the lease is revoked");
    assert_eq!(get(store, single("a")).await.count, 0);
}

pub async fn revoking_without_keys_takes_no_revision(store: &dyn Store) {
    put(store, "a", "").await;
    grant(store, 1, 60).await;
    assert_eq!(store.lease_revoke(1).await.expect("the lease is revoked").revision, 2);
}

pub async fn revoking_deletes_in_one_revision(store: &dyn Store) {
    grant(store, 1, 60).await;
    put_leased(store, "a", 1).await; // 2
    put_leased(store, "b", 1).await; // 3
    assert_eq!(store.lease_revoke(1).await.expect("the lease is revoked").revision, 4);
    assert_eq!(get_at(store, prefix(""), 3).await.count, 2);
    assert_eq!(get_at(store, prefix(""), 4).await.count, 0);
}

pub async fn a_revoked_lease_is_unknown(store: &dyn Store) {
    grant(store, 1, 60).await;
    store.lease_revoke(1).await.expect("the lease is revoked");
    assert_eq!(store.lease_revoke(1).await, Err(Error::LeaseNotFound));
    assert_eq!(store.lease_time_to_live(1, true).await.expect("no error").ttl, -1);
    assert_eq!(store.lease_keep_alive(1).await.expect("no error").ttl, 0);
    let request = PutRequest { key: "a".into(), lease: 1, ..PutRequest::default() };
    assert_eq!(store.put(request).await, Err(Error::LeaseNotFound));
}

pub async fn keeping_alive_tells_the_granted_ttl(store: &dyn Store) {
    grant(store, 1, 60).await;
    let kept = store.lease_keep_alive(1).await.expect("the lease lives");
    assert_eq!((kept.id, kept.ttl, kept.header.revision), (1, 60, 1));
}

pub async fn all_leases_are_listed(store: &dyn Store) {
    assert_eq!(store.leases().await, Ok(vec![]));
    for id in [3, 1, 2] {
        grant(store, id, 60).await;
    }
    let mut leases = store.leases().await.expect("leases are listed");
    leases.sort_unstable();
    assert_eq!(leases, [1, 2, 3]);
}

pub async fn a_lease_that_runs_out_deletes_its_keys(store: &dyn Store) {
    grant(store, 1, 2).await;
    put_leased(store, "b", 1).await; // 2
    put_leased(store, "a", 1).await; // 3
    let request = WatchRequest { range: prefix(""), start_revision: 4 };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    let gone = take_events(&mut watcher, 2).await;
    assert_eq!((gone[0].0, gone[0].2.as_str()), (4, "a"));
    assert_eq!((gone[1].0, gone[1].2.as_str()), (4, "b"));
    assert_eq!(store.leases().await, Ok(vec![]));
}
