//! One watch stream, written to and read by hand.

use store_proto::etcdserverpb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::*;

/// Requests on their way.
const REQUESTS: usize = 16;

pub(super) struct Stream {
    requests: mpsc::Sender<pb::WatchRequest>,
    answers: Answers,
}

/// etcd opens its side of a stream with the first answer.
enum Answers {
    Opening(JoinHandle<Result<Response<Streaming<pb::WatchResponse>>, Status>>),
    Open(Box<Streaming<pb::WatchResponse>>),
}

/// A request to watch one key.
pub(super) fn create(key: &str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.to_owned().into(), ..Default::default() }
}

/// A request to watch every key.
pub(super) fn create_all() -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: vec![0].into(), range_end: vec![0].into(), ..Default::default() }
}

impl Stream {
    pub(super) fn open(wire: &Wire) -> Self {
        Self::with_token(wire, None)
    }

    pub(super) fn with_token(wire: &Wire, token: Option<&str>) -> Self {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let mut request = Request::new(ReceiverStream::new(receiver));
        if let Some(token) = token {
            request.metadata_mut().insert("token", token.parse().expect("a token is text"));
        }
        let mut client = wire.watch();
        let opening = tokio::spawn(async move { client.watch(request).await });
        Self { requests, answers: Answers::Opening(opening) }
    }

    async fn send(&self, request: RequestUnion) {
        let request = pb::WatchRequest { request_union: Some(request) };
        self.requests.send(request).await.expect("the stream goes on");
    }

    pub(super) async fn create(&self, request: pb::WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(request)).await;
    }

    pub(super) async fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id })).await;
    }

    pub(super) async fn ask_progress(&self) {
        self.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {})).await;
    }

    pub(super) async fn next(&mut self) -> pb::WatchResponse {
        if let Answers::Opening(opening) = &mut self.answers {
            let opened = accepted(opening.await.expect("opening does not panic"));
            self.answers = Answers::Open(Box::new(opened));
        }
        let Answers::Open(answers) = &mut self.answers else { unreachable!("it was just opened") };
        answers.message().await.expect("the stream goes on").expect("there is an answer")
    }
}
