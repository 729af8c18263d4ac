//! `v3lockpb.Lock`.

use bytes::Bytes;
use store_proto::v3lockpb as pb;
use store_proto::v3lockpb::lock_server::Lock;
use tonic::{Request, Response, Status};

use super::queue::{Desk, enqueue, key_of, oldest, prefix_of, read_at, told};
use crate::server::access::{Access, Caller};
use crate::server::convert;
use crate::types::*;

pub(in crate::server) struct LockService(pub Access);

#[tonic::async_trait]
impl Lock for LockService {
    /// Answers once the lock is held, with the key that holds it. A lease that already holds the
    /// lock gets it again.
    async fn lock(
        &self,
        request: Request<pb::LockRequest>,
    ) -> Result<Response<pb::LockResponse>, Status> {
        let (caller, request) = Caller::of(request);
        lock(&self.0, caller, request).await.map(Response::new).map_err(told)
    }

    /// Deletes the key, whatever it is; a key that does not exist is no error.
    async fn unlock(
        &self,
        request: Request<pb::UnlockRequest>,
    ) -> Result<Response<pb::UnlockResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let range = convert::key_range(request.key, Bytes::new()).map_err(told)?;
        let delete = DeleteRangeRequest { range, prev_kv: false };
        let deleted = self.0.delete_range(&caller, delete).await.map_err(told)?;
        Ok(Response::new(pb::UnlockResponse { header: convert::header(deleted.header) }))
    }
}

async fn lock(
    access: &Access,
    caller: Caller,
    request: pb::LockRequest,
) -> Result<pb::LockResponse, Status> {
    let mut place = Place { access, caller, key: None };
    let desk = Desk { access, caller: &place.caller };
    let lease = desk.session(request.lease).await?;
    let prefix = prefix_of(&request.name);
    let key = key_of(&prefix, lease);
    let mut txn = enqueue(&key, Bytes::new(), lease);
    // Who holds the lock, so that one request is enough when nobody else wants it.
    txn.success.push(RequestOp::Range(oldest(&prefix)));
    txn.failure.push(RequestOp::Range(oldest(&prefix)));
    let answer = desk.take_place(&key, txn).await?;
    let mine = match read_at(&answer, 0) {
        Some(kv) => kv.create_revision,
        None => answer.header.revision,
    };
    let holds = read_at(&answer, 1).is_none_or(|owner| owner.create_revision == mine);
    if holds {
        return Ok(pb::LockResponse { header: convert::header(answer.header), key });
    }
    place.key = Some(key.clone());
    let desk = Desk { access, caller: &place.caller };
    let waited = wait(desk, &prefix, &key, mine).await;
    if waited.is_ok() {
        place.key = None;
    }
    let header = waited?;
    Ok(pb::LockResponse { header: convert::header(header), key })
}

/// Waits until everyone before has gone, and makes sure of having outlived them.
async fn wait(desk: Desk<'_>, prefix: &Bytes, key: &Bytes, created: i64) -> Result<Header, Status> {
    desk.wait_for_older(prefix, created - 1).await?;
    let range = KeyRange::single(key.clone());
    let answer = desk.range(RangeRequest { range, ..RangeRequest::default() }).await?;
    if answer.kvs.is_empty() {
        return Err(Status::unknown("mutex: session is expired"));
    }
    Ok(answer.header)
}

/// A place in the queue, given up by a caller that goes away or fails while it waits.
struct Place<'a> {
    access: &'a Access,
    caller: Caller,
    key: Option<Bytes>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let (access, caller) = (self.access.clone(), std::mem::take(&mut self.caller));
        // Nobody waits for it: one request, which the store's own timeout bounds.
        tokio::spawn(async move {
            let delete = DeleteRangeRequest { range: KeyRange::single(key), prev_kv: false };
            if let Err(refusal) = access.delete_range(&caller, delete).await {
                tracing::debug!(%refusal, "a place in a lock's queue stays until its lease ends");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::peer::testing::eventually;
    use crate::{Config, Embedded, Store};

    async fn places(store: &Embedded) -> usize {
        let all = RangeRequest { range: KeyRange::prefix("name/"), ..RangeRequest::default() };
        store.range(all).await.expect("it is read").kvs.len()
    }

    #[tokio::test]
    async fn who_goes_away_at_any_moment_keeps_no_place() {
        let store = Embedded::open(Config::default()).await.expect("the store opens");
        let access = Access::new(store.clone());
        for lease in 1..=2 {
            store.lease_grant(lease, 600).await.expect("a lease is granted");
        }
        let request = |lease| pb::LockRequest { name: "name".into(), lease };
        lock(&access, Caller::default(), request(1)).await.expect("the lock is free");
        // One that waits is never done, so each number of looks ends it somewhere else.
        for looks in 0..40 {
            {
                let mut waiting = pin!(lock(&access, Caller::default(), request(2)));
                for _ in 0..looks {
                    let looked = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    assert!(looked.is_pending(), "somebody else holds the lock");
                    tokio::task::yield_now().await;
                }
            }
            let before = store.current_revision();
            eventually("its place is given up", || {
                let state = store.published.state.load();
                let there = state.live(&KeyRange::prefix("name/")).count();
                (there == 1).then_some(())
            })
            .await;
            assert!(store.current_revision() >= before);
        }
        assert_eq!(places(&store).await, 1);
        store.shutdown().await;
    }
}
