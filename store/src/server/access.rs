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
use super::range_stream::Pieces;
use crate::types::*;
use crate::{Embedded, Store, Watcher};

/// Who asks: what came with a request beside its message.
#[derive(Debug, Default)]
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
    gate: Arc<Gate>,
}

/// What a request costs beside its keys and values, about.
const REQUEST_BYTES: usize = 64;

impl Access {
    pub(super) fn new(store: Arc<Embedded>) -> Self {
        Self { store, gate: Gate::new(Limits::default()) }
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
        _caller: &Caller,
        request: RangeRequest,
    ) -> Result<RangeResponse, Status> {
        Ok(self.store.range(request).await?)
    }

    /// A range told in pieces. The caller has checked that it can be.
    pub(super) async fn pieces(
        &self,
        _caller: &Caller,
        request: RangeRequest,
    ) -> Result<Pieces, Status> {
        if request.serializable {
            self.store.check_running()?;
        } else {
            self.store.linearize().await?;
        }
        let state = self.store.published.state.load_full();
        state.check_revision(request.revision)?;
        let header = self.store.published.header(state.revision);
        Ok(Pieces::of(state, header, request))
    }

    pub(super) async fn put(
        &self,
        caller: &Caller,
        request: PutRequest,
    ) -> Result<PutResponse, Status> {
        let _turn = self.turn(caller, request.key.len() + request.value.len()).await?;
        Ok(self.store.put(request).await?)
    }

    pub(super) async fn delete_range(
        &self,
        caller: &Caller,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Status> {
        let _turn = self.turn(caller, request.range.key.len() + request.range.end.len()).await?;
        Ok(self.store.delete_range(request).await?)
    }

    pub(super) async fn txn(&self, caller: &Caller, txn: Txn) -> Result<TxnResponse, Status> {
        let _turn = match written_bytes(&txn) {
            Some(bytes) => Some(self.turn(caller, bytes).await?),
            None => None, // It only reads.
        };
        Ok(self.store.txn(txn).await?)
    }

    pub(super) async fn compact(&self, caller: &Caller, revision: i64) -> Result<Header, Status> {
        let _turn = self.turn(caller, 0).await?;
        Ok(self.store.compact(revision).await?)
    }

    pub(super) async fn lease_grant(
        &self,
        caller: &Caller,
        id: i64,
        ttl: i64,
    ) -> Result<LeaseGranted, Status> {
        let _turn = self.turn(caller, 0).await?;
        Ok(self.store.lease_grant(id, ttl).await?)
    }

    pub(super) async fn lease_revoke(&self, caller: &Caller, id: i64) -> Result<Header, Status> {
        let _turn = self.turn(caller, 0).await?;
        Ok(self.store.lease_revoke(id).await?)
    }

    /// A watch of one of the caller's own requests.
    pub(super) async fn watch(
        &self,
        _caller: &Caller,
        request: WatchRequest,
    ) -> Result<Watcher, Status> {
        Ok(self.store.watch(request).await?)
    }

    /// The header of an answer that reads nothing.
    pub(super) async fn header(&self) -> Result<Option<pb::ResponseHeader>, Status> {
        Ok(super::convert::header(self.store.status().await?.header))
    }
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
    use super::*;

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
