//! The way of every request to the store: permission, a turn, then the store.
//!
//! All services go through here, so that none forgets a step, and locks and elections, which are
//! made of ranges and transactions, are held to the same rules as those who write them by hand.

use std::sync::Arc;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Status};

use super::admission::{ClientId, ConnectionId, Gate, Limits, Permit};
use super::auth::{Freshness, Guard};
use super::range_stream::Pieces;
use crate::auth::Rights;
use crate::meters::count;
use crate::types::*;
use crate::{Embedded, Store, Watcher};

/// Who asks: what came with a request beside its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    pub metadata: MetadataMap,
    pub extensions: Extensions,
}

impl Caller {
    /// Takes a request apart.
    pub(super) fn of<T>(request: Request<T>) -> (Self, T) {
        let (metadata, extensions, message) = request.into_parts();
        (Self { metadata, extensions }, message)
    }

    /// Whose turn this caller waits for. Callers in process share one.
    fn client(&self) -> ClientId {
        let connection = self.extensions.get::<ConnectionId>();
        connection.map_or(ClientId(0), |connection| (*connection).into())
    }
}

/// What services share. Clones are handles to the same.
#[derive(Clone)]
pub(super) struct Access {
    pub store: Arc<Embedded>,
    pub guard: Guard,
    gate: Arc<Gate>,
}

/// What a message may have beside the request in it, as in etcd.
const MESSAGE_OVERHEAD_BYTES: usize = 512 * 1024;

/// What a request costs beside its keys and values, about.
const REQUEST_BYTES: usize = 64;

impl Access {
    pub(super) fn new(store: Arc<Embedded>) -> Self {
        let guard = Guard::new(Arc::clone(&store));
        Self { store, guard, gate: Gate::new(Limits::default()) }
    }

    /// With other bounds than the default ones.
    #[cfg(test)]
    pub(super) fn with_limits(store: Arc<Embedded>, limits: Limits) -> Self {
        Self { gate: Gate::new(limits), ..Self::new(store) }
    }

    /// The largest message of a client, in bytes, and of an answer that is cut into several.
    pub(super) fn message_bytes(&self) -> usize {
        self.store.config.max_request_bytes.saturating_add(MESSAGE_OVERHEAD_BYTES)
    }

    /// Writes that wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.gate.waiting()
    }

    async fn turn(&self, caller: &Caller, bytes: usize) -> Result<Permit, Status> {
        Ok(self.gate.enter(caller.client(), REQUEST_BYTES + bytes).await?)
    }

    pub(super) async fn range(
        &self,
        caller: &Caller,
        request: RangeRequest,
    ) -> Result<RangeResponse, Status> {
        count(&self.store.published.meters.ranges);
        let check = |rights: &Rights<'_>| rights.range(&request.range);
        let run = || self.store.range(request.clone());
        Ok(self.guard.read(caller, freshness(&request), check, run).await?)
    }

    /// A range told in pieces. The caller has checked that it can be.
    pub(super) async fn pieces(
        &self,
        caller: &Caller,
        request: RangeRequest,
    ) -> Result<Pieces, Status> {
        count(&self.store.published.meters.ranges);
        let check = |rights: &Rights<'_>| rights.range(&request.range);
        let run = || async {
            if request.serializable {
                self.store.check_running()?;
            } else {
                self.store.linearize().await?;
            }
            let state = self.store.published.state.load_full();
            state.check_revision(request.revision)?;
            let header = self.store.published.header(state.revision);
            Ok(Pieces::of(state, header, request.clone()))
        };
        Ok(self.guard.read(caller, freshness(&request), check, run).await?)
    }

    pub(super) async fn put(
        &self,
        caller: &Caller,
        request: PutRequest,
    ) -> Result<PutResponse, Status> {
        let _turn = self.turn(caller, request.key.len() + request.value.len()).await?;
        let check = |rights: &Rights<'_>| rights.put(&request);
        Ok(self.guard.write(caller, check, || self.store.put(request.clone())).await?)
    }

    pub(super) async fn delete_range(
        &self,
        caller: &Caller,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Status> {
        let _turn = self.turn(caller, request.range.key.len() + request.range.end.len()).await?;
        let check = |rights: &Rights<'_>| rights.delete(&request);
        Ok(self.guard.write(caller, check, || self.store.delete_range(request.clone())).await?)
    }

    pub(super) async fn txn(&self, caller: &Caller, txn: Txn) -> Result<TxnResponse, Status> {
        let check = |rights: &Rights<'_>| rights.txn(&txn);
        let run = || self.store.txn(txn.clone());
        let Some(bytes) = written_bytes(&txn) else {
            return Ok(self.guard.read(caller, Freshness::Latest, check, run).await?);
        };
        let _turn = self.turn(caller, bytes).await?;
        Ok(self.guard.write(caller, check, run).await?)
    }

    pub(super) async fn compact(&self, caller: &Caller, revision: i64) -> Result<Header, Status> {
        let _turn = self.turn(caller, 0).await?;
        Ok(self
            .guard
            .write(caller, |rights| rights.root(), || self.store.compact(revision))
            .await?)
    }

    pub(super) async fn lease_grant(
        &self,
        caller: &Caller,
        id: i64,
        ttl: i64,
    ) -> Result<LeaseGranted, Status> {
        let _turn = self.turn(caller, 0).await?;
        Ok(self
            .guard
            .write(caller, |rights| rights.known(), || self.store.lease_grant(id, ttl))
            .await?)
    }

    pub(super) async fn lease_revoke(&self, caller: &Caller, id: i64) -> Result<Header, Status> {
        let _turn = self.turn(caller, 0).await?;
        let check = |rights: &Rights<'_>| rights.revoke(id);
        Ok(self.guard.write(caller, check, || self.store.lease_revoke(id)).await?)
    }

    /// Renewing a lease keeps its keys, so it takes the right to write them.
    pub(super) async fn lease_keep_alive(
        &self,
        caller: &Caller,
        id: i64,
    ) -> Result<LeaseGranted, Status> {
        let check = |rights: &Rights<'_>| rights.revoke(id);
        let run = || self.store.lease_keep_alive(id);
        let kept = self.guard.read(caller, Freshness::Latest, check, run).await?;
        if kept.ttl > 0 {
            count(&self.store.published.meters.leases_renewed);
        }
        Ok(kept)
    }

    pub(super) async fn lease_time_to_live(
        &self,
        caller: &Caller,
        id: i64,
        with_keys: bool,
    ) -> Result<LeaseStatus, Status> {
        let check = |rights: &Rights<'_>| match with_keys {
            true => rights.see_lease(id),
            false => rights.known(),
        };
        let run = || self.store.lease_time_to_live(id, with_keys);
        Ok(self.guard.read(caller, Freshness::Latest, check, run).await?)
    }

    pub(super) async fn leases(&self, caller: &Caller) -> Result<Vec<i64>, Status> {
        let run = || self.store.leases();
        Ok(self.guard.read(caller, Freshness::Latest, |rights| rights.list_leases(), run).await?)
    }

    /// A watch of one of the caller's own requests.
    pub(super) async fn watch(
        &self,
        caller: &Caller,
        request: WatchRequest,
    ) -> Result<Watcher, Status> {
        let check = |rights: &Rights<'_>| rights.range(&request.range);
        let run = || self.store.watch(request.clone());
        Ok(self.guard.read(caller, Freshness::Local, check, run).await?)
    }

    /// The header of an answer that reads nothing.
    pub(super) async fn header(&self) -> Result<Option<pb::ResponseHeader>, Status> {
        Ok(super::convert::header(self.store.status().await?.header))
    }
}

/// A serializable read is permitted, as it is read, by what this member knows.
fn freshness(request: &RangeRequest) -> Freshness {
    if request.serializable { Freshness::Local } else { Freshness::Latest }
}

/// Keys and values that a transaction may write; `None` when it only reads.
fn written_bytes(txn: &Txn) -> Option<usize> {
    let size = |key: &Bytes, value: &Bytes| Some(key.len() + value.len());
    let sizes = txn.success.iter().chain(&txn.failure).filter_map(|op| match op {
        RequestOp::Range(_) => None,
        RequestOp::Put(request) => size(&request.key, &request.value),
        RequestOp::DeleteRange(request) => size(&request.range.key, &request.range.end),
        RequestOp::Txn(nested) => written_bytes(nested),
    });
    sizes.fold(None, |sum, bytes| Some(sum.unwrap_or(0) + bytes))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;

    use super::*;
    use crate::Config;

    fn caller() -> Caller {
        let mut caller = Caller::default();
        caller.extensions.insert(ConnectionId::next());
        caller
    }

    /// A client with a thousand puts under way, and another with one.
    #[tokio::test]
    async fn a_busy_client_does_not_starve_another() {
        let store = Embedded::open(Config::default()).await.expect("a store opens");
        let limits = Limits { in_flight: 4, ..Limits::default() };
        let access = Access::with_limits(store.clone(), limits);
        let put = |key: String| PutRequest { key: key.into(), ..PutRequest::default() };
        let (busy, quiet) = (caller(), caller());
        let mut puts: FuturesUnordered<_> =
            (0..1000).map(|at| access.put(&busy, put(format!("busy{at}")))).collect();
        // All are under way or wait.
        assert!(futures::poll!(puts.next()).is_pending());
        assert_eq!(access.waiting(), 996);
        let alone = access.put(&quiet, put("quiet".into()));
        let drain = puts.by_ref().for_each(|outcome| async { drop(outcome.expect("accepted")) });
        let (alone, ()) = futures::join!(alone, drain);
        let revision = alone.expect("the put is accepted").header.revision;
        // Behind those that were under way, and those that may be while its turn comes.
        assert!(revision <= 1 + 4 + 4 + 1, "the quiet client waited until {revision}");
        assert_eq!(store.current_revision(), 1002);
        assert_eq!(access.waiting(), 0);
        store.shutdown().await;
    }

    #[tokio::test]
    async fn reads_do_not_wait_for_a_turn() {
        let store = Embedded::open(Config::default()).await.expect("a store opens");
        let none = Limits { in_flight: 1, waiting: 0, ..Limits::default() };
        let access = Access::with_limits(store.clone(), none);
        let client = caller();
        let turn = access.turn(&client, 0).await.expect("there is room");
        let put = PutRequest { key: "a".into(), ..PutRequest::default() };
        let refused = access.put(&client, put.clone()).await.expect_err("there is no room");
        let told = (refused.code(), refused.message());
        assert_eq!(told, (tonic::Code::ResourceExhausted, "etcdserver: too many requests"));
        let range = RangeRequest { range: KeyRange::single("a"), ..RangeRequest::default() };
        access.range(&client, range.clone()).await.expect("reads go on");
        let read_only = Txn { success: vec![RequestOp::Range(range)], ..Txn::default() };
        access.txn(&client, read_only).await.expect("reads go on");
        drop(turn);
        access.put(&client, put).await.expect("there is room again");
        store.shutdown().await;
    }

    #[test]
    fn what_writes_is_told_from_what_reads() {
        let read = RequestOp::Range(RangeRequest::default());
        let put = |bytes: usize| {
            let value = vec![0; bytes].into();
            RequestOp::Put(PutRequest { key: "k".into(), value, ..PutRequest::default() })
        };
        let txn = |success: Vec<RequestOp>, failure: Vec<RequestOp>| Txn {
            compare: Vec::new(),
            success,
            failure,
        };
        let nested = RequestOp::Txn(txn(vec![put(4)], vec![read.clone()]));
        let cases = [
            (txn(vec![], vec![]), None),
            (txn(vec![read.clone()], vec![read.clone()]), None),
            (txn(vec![RequestOp::Txn(txn(vec![read.clone()], vec![]))], vec![]), None),
            (txn(vec![put(0)], vec![]), Some(1)),
            (txn(vec![put(1), read], vec![put(2), nested]), Some(10)),
        ];
        for (txn, expected) in cases {
            assert_eq!(written_bytes(&txn), expected, "{txn:?}");
        }
    }
}
