//! A watch that outlives its connection: it is taken up again after the last revision that was
//! seen, at the same endpoint or the next, as clientv3 does.

use std::time::Duration;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use super::refusal;
use super::request::Range;
use crate::connect::Session;

/// Requests that wait to be sent: the creation, and progress that a person asks for.
const REQUESTS: usize = 16;
/// Pause before a broken watch is taken up again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a watch is tried to be taken up again before it is given up.
const RESUME_FOR: Duration = Duration::from_secs(600);

/// What is watched.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub key: Bytes,
    pub range_end: Bytes,
    /// 0 for from now on.
    pub revision: i64,
    pub prev_kv: bool,
    pub progress_notify: bool,
    /// End rather than wait when the member asked has no leader.
    pub require_leader: bool,
}

impl Wish {
    pub fn new((key, range_end): Range, revision: i64) -> Self {
        Self { key, range_end, revision, ..Self::default() }
    }
}

pub struct Watcher {
    session: Session,
    wish: Wish,
    requests: mpsc::Sender<pb::WatchRequest>,
    answers: Streaming<pb::WatchResponse>,
    /// A refused token has been renewed and no answer come since.
    renewed: bool,
}

/// Asks a watch's server to tell how far the watch has come.
#[derive(Clone)]
pub struct ProgressRequests(mpsc::Sender<()>);

impl ProgressRequests {
    /// A watch that is over has nothing to tell.
    pub async fn ask(&self) {
        let _ = self.0.send(()).await;
    }
}

/// The receiving side of [`ProgressRequests`].
pub type ProgressAsked = mpsc::Receiver<()>;

pub fn progress_requests() -> (ProgressRequests, ProgressAsked) {
    let (sender, receiver) = mpsc::channel(REQUESTS);
    (ProgressRequests(sender), receiver)
}

impl Watcher {
    pub async fn open(session: Session, wish: Wish) -> Result<Self, Status> {
        let (requests, answers) = create(&session, &wish).await?;
        Ok(Self { session, wish, requests, answers, renewed: false })
    }

    /// The next answer: events, progress, or the end (`canceled`), after which there are none.
    /// The server's word that the watch exists is kept from the caller.
    pub async fn next(&mut self) -> anyhow::Result<pb::WatchResponse> {
        loop {
            match self.answers.message().await {
                Ok(Some(answer)) if self.is_old_token(&answer) => self.renew_token().await?,
                Ok(Some(answer)) => {
                    self.note(&answer);
                    if !answer.created || answer.canceled {
                        return Ok(answer);
                    }
                }
                Ok(None) => self.resume(Status::unavailable("the server ended the watch")).await?,
                Err(status) => self.resume(status).await?,
            }
        }
    }

    pub async fn ask_progress(&mut self) {
        let request = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
        // A stream that just broke is noticed, and taken up again, by `next`.
        let _ = self.requests.send(pb::WatchRequest { request_union: Some(request) }).await;
    }

    /// Remembers from where to go on.
    fn note(&mut self, answer: &pb::WatchResponse) {
        self.renewed = false;
        let seen = match answer.events.last().and_then(|event| event.kv.as_ref()) {
            Some(kv) => kv.mod_revision,
            None if answer.created && self.wish.revision != 0 => return,
            None => answer.header.as_ref().map_or(0, |header| header.revision),
        };
        if !answer.canceled && seen > 0 {
            self.wish.revision = self.wish.revision.max(seen + 1);
        }
    }

    fn is_old_token(&self, answer: &pb::WatchResponse) -> bool {
        answer.canceled && !self.renewed && answer.cancel_reason.contains("invalid auth token")
    }

    async fn renew_token(&mut self) -> anyhow::Result<()> {
        self.session.forget_token().await;
        let opened = create(&self.session, &self.wish).await.map_err(|status| refusal(&status))?;
        (self.requests, self.answers) = opened;
        self.renewed = true;
        Ok(())
    }

    async fn resume(&mut self, mut status: Status) -> anyhow::Result<()> {
        let deadline = Instant::now() + RESUME_FOR;
        while is_passing(&status) && Instant::now() < deadline {
            sleep(PAUSE).await;
            match create(&self.session, &self.wish).await {
                Ok((requests, answers)) => {
                    (self.requests, self.answers) = (requests, answers);
                    return Ok(());
                }
                Err(error) => status = error,
            }
        }
        Err(refusal(&status))
    }
}

/// Whether the connection or the member failed, rather than the request.
pub fn is_passing(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Internal | Code::Unknown | Code::Cancelled)
}

type Opened = (mpsc::Sender<pb::WatchRequest>, Streaming<pb::WatchResponse>);

async fn create(session: &Session, wish: &Wish) -> Result<Opened, Status> {
    let create = pb::WatchCreateRequest {
        key: wish.key.clone(),
        range_end: wish.range_end.clone(),
        start_revision: wish.revision,
        progress_notify: wish.progress_notify,
        prev_kv: wish.prev_kv,
        ..Default::default()
    };
    // Held open: when the stream of requests ends, so does the watch.
    let (requests, stream) = mpsc::channel(REQUESTS);
    let first = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    requests.send(first).await.map_err(|_| Status::internal("the stream is closed"))?;
    let mut request = Request::new(ReceiverStream::new(stream));
    if wish.require_leader {
        request
            .metadata_mut()
            .insert("hasleader", tonic::metadata::MetadataValue::from_static("true"));
    }
    let answers = session.watch().watch(request).await?.into_inner();
    Ok((requests, answers))
}
