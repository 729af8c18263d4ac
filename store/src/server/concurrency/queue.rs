//! The queue of keys behind a name.

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::Status;

use crate::error::Error;
use crate::server::access::{Access, Caller};
use crate::types::*;

/// TTL of the lease of who brings none, in seconds.
const SESSION_TTL: i64 = 60;

/// What the caller is told of a refusal.
pub(super) fn told(refusal: Status) -> Status {
    Status::unknown(refusal.message())
}

/// The store as one caller sees it.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub access: &'a Access,
    pub caller: &'a Caller,
}

impl Desk<'_> {
    /// The lease to hold keys by: the caller's, or a new one.
    pub(super) async fn session(self, lease: i64) -> Result<i64, Status> {
        if lease != 0 {
            return Ok(lease);
        }
        Ok(self.access.lease_grant(self.caller, 0, SESSION_TTL).await?.id)
    }

    pub(super) async fn range(self, request: RangeRequest) -> Result<RangeResponse, Status> {
        self.access.range(self.caller, request).await
    }

    pub(super) async fn txn(self, txn: Txn) -> Result<TxnResponse, Status> {
        self.access.txn(self.caller, txn).await
    }

    /// Takes a place in the queue with [`enqueue`]. A caller that goes away while the store is at
    /// it does not keep the place: nobody would come to give it up, and all behind it would wait
    /// for its lease to end.
    pub(super) async fn take_place(self, key: &Bytes, txn: Txn) -> Result<TxnResponse, Status> {
        let (sender, answer) = oneshot::channel();
        let give_up =
            GiveUp { access: self.access.clone(), caller: self.caller.clone(), key: key.clone() };
        let (access, caller, place) = (self.access.clone(), self.caller.clone(), give_up.clone());
        tokio::spawn(async move {
            let answer = access.txn(&caller, txn).await;
            if let Err(Ok(taken)) = sender.send(answer) {
                place.give_up(&taken).await;
            }
        });
        let mut arriving = Arriving { answer: Some(answer), give_up };
        arriving.answer().await
    }

    /// Waits until no key under `prefix` is left that was created at `before` or earlier: until
    /// then watches the youngest of them.
    pub(super) async fn wait_for_older(self, prefix: &Bytes, before: i64) -> Result<(), Status> {
        loop {
            let youngest = RangeRequest {
                max_create_revision: before,
                sort_order: SortOrder::Descend,
                ..oldest(prefix)
            };
            let answer = self.range(youngest).await?;
            let Some(kv) = answer.kvs.into_iter().next() else { return Ok(()) };
            self.wait_for_delete(kv.key, answer.header.revision).await?;
        }
    }

    async fn wait_for_delete(self, key: Bytes, start_revision: i64) -> Result<(), Status> {
        let request = WatchRequest { range: KeyRange::single(key), start_revision };
        let mut watcher = self.access.watch(self.caller, request).await?;
        loop {
            match watcher.items.recv().await {
                Some(WatchItem::Events { events, .. }) => {
                    if events.iter().any(|event| event.event_type == EventType::Delete) {
                        return Ok(());
                    }
                }
                Some(WatchItem::Progress { .. }) => {}
                Some(WatchItem::Compacted { compact_revision }) => {
                    return Err(Error::Compacted { compact_revision }.into());
                }
                None => return Err(Error::Stopped.into()),
            }
        }
    }
}

/// Gives a place up that was taken for someone who is not there any more.
#[derive(Clone)]
struct GiveUp {
    access: Access,
    caller: Caller,
    key: Bytes,
}

impl GiveUp {
    async fn give_up(self, taken: &TxnResponse) {
        if !taken.succeeded {
            return; // The key was there before, and is somebody's.
        }
        let range = KeyRange::single(self.key.clone());
        let txn = Txn {
            compare: vec![created_at(&self.key, taken.header.revision)],
            success: vec![RequestOp::DeleteRange(DeleteRangeRequest { range, prev_kv: false })],
            failure: Vec::new(),
        };
        if let Err(refusal) = self.access.txn(&self.caller, txn).await {
            tracing::debug!(%refusal, "a place in a queue stays until its lease ends");
        }
    }
}

type Taken = Result<TxnResponse, Status>;

/// A place that is being taken. Dropped before it has answered, it gives the place up.
struct Arriving {
    answer: Option<oneshot::Receiver<Taken>>,
    give_up: GiveUp,
}

impl Arriving {
    async fn answer(&mut self) -> Taken {
        let Some(answer) = &mut self.answer else { return Err(Error::Stopped.into()) };
        let taken = answer.await;
        self.answer = None;
        taken.unwrap_or_else(|_| Err(Error::Stopped.into()))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(mut answer) = self.answer.take() else { return };
        // From here on the other side learns that nobody listens; what it sent before is here.
        answer.close();
        if let Ok(Ok(taken)) = answer.try_recv() {
            let give_up = self.give_up.clone();
            tokio::spawn(async move { give_up.give_up(&taken).await });
        }
    }
}

/// What all keys of a name begin with.
pub(super) fn prefix_of(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

/// The key of a lease under a prefix. As Go prints it: a sign, then the magnitude.
pub(super) fn key_of(prefix: &[u8], lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    [prefix, format!("{sign}{:x}", lease.unsigned_abs()).as_bytes()].concat().into()
}

/// Asks for the key under `prefix` that was created first.
pub(super) fn oldest(prefix: &Bytes) -> RangeRequest {
    RangeRequest {
        range: KeyRange::prefix(prefix.clone()),
        limit: 1,
        sort_order: SortOrder::Ascend,
        sort_target: SortTarget::CreateRevision,
        ..RangeRequest::default()
    }
}

/// Holds while `key` was created at `revision`, 0 for "does not exist".
pub(super) fn created_at(key: &Bytes, revision: i64) -> Compare {
    Compare {
        range: KeyRange::single(key.clone()),
        result: CompareResult::Equal,
        target: CompareTarget::CreateRevision(revision),
    }
}

/// Takes a place in the queue unless the key has one, which is then read.
pub(super) fn enqueue(key: &Bytes, value: Bytes, lease: i64) -> Txn {
    let put = PutRequest { key: key.clone(), value, lease, ..PutRequest::default() };
    let get = RangeRequest { range: KeyRange::single(key.clone()), ..RangeRequest::default() };
    Txn {
        compare: vec![created_at(key, 0)],
        success: vec![RequestOp::Put(put)],
        failure: vec![RequestOp::Range(get)],
    }
}

/// The first key that the operation at `at` of a transaction has read.
pub(super) fn read_at(answer: &TxnResponse, at: usize) -> Option<&KeyValue> {
    match answer.responses.get(at) {
        Some(ResponseOp::Range(range)) => range.kvs.first(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_client_libraries() {
        let prefix = prefix_of(b"name");
        for (lease, key) in
            [(77, "name/4d"), (i64::MAX, "name/7fffffffffffffff"), (-16, "name/-10")]
        {
            assert_eq!(key_of(&prefix, lease), key);
        }
    }
}
