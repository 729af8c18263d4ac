//! The gRPC service on the peer port: takes calls off the wire and hands them to [`Reception`].

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use futures::{Stream, StreamExt};
use store_proto::peer as pb;
use store_proto::peer::peer_server::{Peer, PeerServer};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::card::Card;
use super::grpc::MAX_MESSAGE_BYTES;
use super::reception::Reception;
use crate::Embedded;

struct PeerService(Reception);

/// The peer protocol of `store` as routes.
pub(crate) fn router(store: Arc<Embedded>) -> Router {
    let service = PeerServer::new(PeerService(Reception::new(&store)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Routes::new(service).into_axum_router()
}

#[tonic::async_trait]
impl Peer for PeerService {
    type AppendStream =
        Pin<Box<dyn Stream<Item = Result<pb::AppendResponse, Status>> + Send + 'static>>;

    async fn append(
        &self,
        request: Request<Streaming<pb::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let card = Card::take(request.metadata())?;
        let responses = self.0.append(card, request.into_inner().boxed())?;
        Ok(Response::new(responses))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<pb::SnapshotPiece>>,
    ) -> Result<Response<pb::SnapshotAnswer>, Status> {
        let card = Card::take(request.metadata())?;
        let answer = self.0.snapshot(card, request.into_inner().boxed()).await?;
        Ok(Response::new(answer))
    }

    async fn ask(&self, request: Request<pb::Question>) -> Result<Response<pb::Answer>, Status> {
        let card = Card::take(request.metadata())?;
        let answer = self.0.ask(card, request.into_inner()).await?;
        Ok(Response::new(answer))
    }
}
