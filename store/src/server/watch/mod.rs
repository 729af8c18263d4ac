//! `etcdserverpb.Watch`: one actor per stream owns all watches of that stream.

mod open;
mod stream;
#[cfg(test)]
mod stream_test;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_server::Watch;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use self::stream::WatchStream;
use super::access::{Access, Caller};
use crate::Embedded;

/// Answers that may wait for a slow client. Beyond that its stream stands still, the store's
/// channels fill, and the store feeds it from history: no write waits for a reader.
const ANSWERS_IN_FLIGHT: usize = 64;

pub(super) struct WatchService {
    access: Access,
    shutdown: CancellationToken,
}

impl WatchService {
    pub(super) fn new(access: Access, shutdown: CancellationToken) -> Self {
        Self { access, shutdown }
    }
}

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.access.store.check_running()?;
        let (answers, stream) = mpsc::channel(ANSWERS_IN_FLIGHT);
        let (caller, requests) = Caller::of(request);
        let actor = WatchStream::new(self.access.clone(), caller, answers);
        let shutdown = self.shutdown.clone();
        let open = OpenStream::of(self.access.store.clone());
        tokio::spawn(async move {
            let _open = open;
            tokio::select! {
                () = actor.run(requests) => {}
                () = shutdown.cancelled() => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

/// Counts a stream while it is open.
struct OpenStream(Arc<Embedded>);

impl OpenStream {
    fn of(store: Arc<Embedded>) -> Self {
        store.published.meters.watch_streams.fetch_add(1, Ordering::Relaxed);
        Self(store)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.published.meters.watch_streams.fetch_sub(1, Ordering::Relaxed);
    }
}
