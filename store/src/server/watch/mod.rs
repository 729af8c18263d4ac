//! `etcdserverpb.Watch`: one actor per stream owns all watches of that stream.

mod open;
mod stream;
#[cfg(test)]
mod stream_test;

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_server::Watch;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use self::stream::WatchStream;
use crate::Store;

/// Answers that may wait for a slow client. Beyond that its stream stands still, the store's
/// channels fill, and the store feeds it from history: no write waits for a reader.
const ANSWERS_IN_FLIGHT: usize = 64;

pub(super) struct WatchService {
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
}

impl WatchService {
    pub(super) fn new(store: Arc<dyn Store>, shutdown: CancellationToken) -> Self {
        Self { store, shutdown }
    }
}

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let header = self.store.status().await?.header;
        let (answers, stream) = mpsc::channel(ANSWERS_IN_FLIGHT);
        let actor = WatchStream::new(self.store.clone(), header, answers);
        let shutdown = self.shutdown.clone();
        let requests = request.into_inner();
        tokio::spawn(async move {
            tokio::select! {
                () = actor.run(requests) => {}
                () = shutdown.cancelled() => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
