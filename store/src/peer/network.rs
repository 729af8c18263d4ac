//! What carries calls to a member: injected, so that tests and simulations need no sockets.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use store_proto::peer as pb;
use tonic::Status;

use super::card::Card;

/// Answers to a stream of appends, one for each, in order.
pub type Responses = BoxStream<'static, Result<pb::AppendResponse, Status>>;

/// A way to reach members.
pub trait Network: Send + Sync + 'static {
    /// The member at `urls`. Connects when it is first called, and again whenever it must; all
    /// addresses are tried in turn.
    fn peer(&self, urls: &[String]) -> Arc<dyn Peer>;
}

/// One member, as others reach it.
///
/// A failed call tells [`tonic::Code::Unavailable`] where the member may not have been reached, and
/// what the member said where it was.
#[async_trait]
pub trait Peer: Send + Sync + 'static {
    async fn append(
        &self,
        card: Card,
        requests: BoxStream<'static, pb::AppendRequest>,
    ) -> Result<Responses, Status>;

    async fn snapshot(
        &self,
        card: Card,
        pieces: BoxStream<'static, pb::SnapshotPiece>,
    ) -> Result<pb::SnapshotAnswer, Status>;

    async fn ask(&self, card: Card, question: pb::Question) -> Result<pb::Answer, Status>;

    /// Whether the place of this member can be reached and nobody is there. `false` where this
    /// cannot be told.
    async fn refuses(&self) -> bool {
        false
    }
}
