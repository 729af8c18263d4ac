//! `v3lockpb.Lock` on the wire.

use super::*;
use store_proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};

async fn lock(wire: &Wire, name: &str, lease: i64) -> LockResponse {
    let request = LockRequest { name: name.to_owned().into(), lease };
    accepted(wire.lock().lock(request).await)
}

async fn unlock(wire: &Wire, key: &[u8]) {
    accepted(wire.lock().unlock(UnlockRequest { key: key.to_vec().into() }).await);
}

pub async fn a_lock_is_a_key_with_the_lease(wire: &Wire) {
    let lease = grant(wire, 0xabc, 60).await;
    let locked = lock(wire, "name", lease).await;
    assert_eq!(locked.key.as_ref(), b"name/abc");
    assert!(locked.header.expect("a header").revision > 1);
    let kv = get(wire, "name/abc").await.remove(0);
    assert_eq!((kv.lease, kv.value.len()), (lease, 0));
}

pub async fn unlocking_frees_it(wire: &Wire) {
    let lease = grant(wire, 1, 60).await;
    let locked = lock(wire, "name", lease).await;
    unlock(wire, &locked.key).await;
    assert!(get(wire, "name/1").await.is_empty());
    // Once more is no error.
    unlock(wire, &locked.key).await;
}

pub async fn the_second_waits_for_the_first(wire: &Wire) {
    let (first, second) = (grant(wire, 1, 60).await, grant(wire, 2, 60).await);
    let held = lock(wire, "name", first).await;
    let waiting = {
        let wire = wire.clone();
        tokio::spawn(async move { lock(&wire, "name", second).await })
    };
    while get(wire, "name/2").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    unlock(wire, &held.key).await;
    let locked = waiting.await.expect("the second gets it");
    assert_eq!(locked.key.as_ref(), b"name/2");
}

pub async fn a_lost_lease_frees_it(wire: &Wire) {
    let (first, second) = (grant(wire, 1, 60).await, grant(wire, 2, 60).await);
    lock(wire, "name", first).await;
    let waiting = {
        let wire = wire.clone();
        tokio::spawn(async move { lock(&wire, "name", second).await })
    };
    while get(wire, "name/2").await.is_empty() {
        tokio::task::yield_now().await;
    }
    accepted(wire.lease().lease_revoke(pb::LeaseRevokeRequest { id: first }).await);
    assert_eq!(waiting.await.expect("the second gets it").key.as_ref(), b"name/2");
}

pub async fn a_lock_needs_a_lease(wire: &Wire) {
    let request = LockRequest { name: "name".to_owned().into(), lease: 99 };
    let (_, text) = refused(wire.lock().lock(request).await);
    assert_eq!(text, "etcdserver: requested lease not found");
}

pub async fn locking_again_is_the_same_lock(wire: &Wire) {
    let lease = grant(wire, 1, 60).await;
    let first = lock(wire, "name", lease).await;
    let again = lock(wire, "name", lease).await;
    assert_eq!(first.key, again.key);
}
