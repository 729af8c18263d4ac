//! How members reach each other. A store of one member has nobody to reach.

use std::future::Future;
use std::io;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use openraft::{RaftNetworkFactory, RaftNetworkV2};

use super::types::{MemberNode, TypeConfig, Vote};
use crate::snapshot::Image;

/// The network of a store that has one member: every peer is unreachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

fn nobody() -> Unreachable<TypeConfig> {
    Unreachable::new(&io::Error::new(io::ErrorKind::NotConnected, "this store has one member"))
}

impl RaftNetworkFactory<TypeConfig> for Alone {
    type Network = Self;

    async fn new_client(&mut self, _target: u64, _node: &MemberNode) -> Self {
        Self
    }
}

impl RaftNetworkV2<TypeConfig> for Alone {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        _rpc: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(RPCError::Unreachable(nobody()))
    }

    async fn vote(
        &mut self,
        _rpc: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(RPCError::Unreachable(nobody()))
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: SnapshotOf<TypeConfig, Image>,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        Err(StreamingError::Unreachable(nobody()))
    }
}
