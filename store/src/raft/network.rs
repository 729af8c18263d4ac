//! openraft's calls to other members, over [`Links`].
//!
//! Appends go through a session: one stream per purpose (replication, heartbeats) and member, kept
//! from call to call, because openraft opens what it calls a stream for every single heartbeat. A
//! session whose answers were not all taken is thrown away, since the next would not know its own.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use openraft::{OptionalSend, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::types::{MemberNode, TypeConfig, Vote};
use crate::peer::{Links, Responses, send_snapshot, wire};
use crate::snapshot::Image;

/// Appends under way to one member. Each has at most [`super::log::READ_BYTES`], so this bounds
/// what a slow member holds of the leader's memory.
const WINDOW: usize = 64;

/// Pauses after a member was out of reach: short at first, for most come back at once.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_LAST: Duration = Duration::from_millis(500);

type Failure = RPCError<TypeConfig>;

/// Makes the clients that openraft asks for.
pub struct Cluster {
    pub links: Arc<Links>,
    pub me: u64,
    /// How long an append or a question may go without an answer.
    pub patience: Duration,
}

impl RaftNetworkFactory<TypeConfig> for Cluster {
    type Network = Client;

    async fn new_client(&mut self, target: u64, node: &MemberNode) -> Client {
        Client {
            links: Arc::clone(&self.links),
            me: self.me,
            target,
            urls: node.peer_urls.clone(),
            patience: self.patience,
            session: None,
        }
    }
}

/// openraft's way to one member, for one purpose.
pub struct Client {
    links: Arc<Links>,
    me: u64,
    target: u64,
    /// Where the member was when this client was made.
    urls: Vec<String>,
    patience: Duration,
    session: Option<Session>,
}

/// A stream of appends between calls: nothing is under way.
struct Session {
    requests: mpsc::Sender<pb::AppendRequest>,
    /// Locked by nobody: what sends it between threads wants to share it as well.
    responses: Mutex<Responses>,
}

impl Client {
    /// What openraft should make of a failed call: try again after a pause.
    fn failure(&self, status: &Status) -> Failure {
        self.links.heed(status);
        RPCError::Unreachable(Unreachable::new(status))
    }

    fn timeout(&self, action: RPCTypes) -> Failure {
        RPCError::Timeout(Timeout {
            action,
            id: self.me,
            target: self.target,
            timeout: self.patience,
        })
    }

    async fn ask(&self, question: Question) -> Result<pb::Answer, Failure> {
        let link = self.links.to(self.target, &self.urls);
        let asking = link.peer.ask(link.card, wire::question(question));
        match tokio::time::timeout(self.patience, asking).await {
            Ok(answer) => answer.map_err(|status| self.failure(&status)),
            Err(_) => Err(self.timeout(RPCTypes::Vote)),
        }
    }

    async fn open(&self) -> Result<Session, Failure> {
        let link = self.links.to(self.target, &self.urls);
        let (requests, receiver) = mpsc::channel(WINDOW);
        let opening = link.peer.append(link.card, ReceiverStream::new(receiver).boxed());
        match tokio::time::timeout(self.patience, opening).await {
            Ok(Ok(responses)) => Ok(Session { requests, responses: Mutex::new(responses) }),
            Ok(Err(status)) => Err(self.failure(&status)),
            Err(_) => Err(self.timeout(RPCTypes::AppendEntries)),
        }
    }
}

/// One call of openraft over a session.
struct Exchange<'s, S> {
    client: &'s mut Client,
    session: Session,
    input: S,
    ended: bool,
    /// When each request that is under way was sent.
    sent: VecDeque<Instant>,
}

impl<S> Exchange<'_, S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    /// The next answer, `None` when all requests are answered.
    async fn next(&mut self) -> Option<Result<StreamAppendResult<TypeConfig>, Failure>> {
        loop {
            let deadline = self.sent.front().map(|sent| *sent + self.client.patience);
            let waiting = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let responses = self.session.responses.get_mut();
            let responses = responses.expect("nobody locks it, so nobody panics meanwhile");
            tokio::select! {
                biased;
                response = responses.next(), if !self.sent.is_empty() => {
                    self.sent.pop_front();
                    return Some(self.answer(response));
                }
                request = self.input.next(), if !self.ended && self.sent.len() < WINDOW => {
                    let Some(request) = request else {
                        self.ended = true;
                        continue;
                    };
                    self.sent.push_back(Instant::now());
                    // There is room for all that may be under way; so this fails only where the
                    // stream broke, and then the answers tell why.
                    let _ = self.session.requests.try_send(wire::put_append(request));
                }
                () = waiting, if !self.sent.is_empty() => {
                    return Some(Err(self.client.timeout(RPCTypes::AppendEntries)));
                }
                else => return None,
            }
        }
    }

    fn answer(
        &self,
        response: Option<Result<pb::AppendResponse, Status>>,
    ) -> Result<StreamAppendResult<TypeConfig>, Failure> {
        let ended = || Status::unavailable("the member ended the stream of appends");
        let response = response.unwrap_or_else(|| Err(ended()));
        response.and_then(wire::take_appended).map_err(|status| self.client.failure(&status))
    }
}

impl RaftNetworkV2<TypeConfig> for Client {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, Failure> {
        let input = futures::stream::iter([request]);
        let mut answers = self.stream_append(input, option).await?;
        match answers.next().await {
            Some(answer) => Ok(answer?.into()),
            None => unreachable!("a request is answered or fails"),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, Failure>>, Failure>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            // A member that restarted has ended the stream meanwhile.
            let kept = self.session.take().filter(|session| !session.requests.is_closed());
            let session = match kept {
                Some(session) => session,
                None => self.open().await?,
            };
            let exchange =
                Exchange { client: self, session, input, ended: false, sent: VecDeque::new() };
            let answers = futures::stream::unfold(Some(exchange), |exchange| async move {
                let mut exchange = exchange?;
                match exchange.next().await {
                    Some(Ok(Ok(matched))) => Some((Ok(Ok(matched)), Some(exchange))),
                    // After any other answer the member has ended the stream.
                    Some(last) => Some((last, None)),
                    None => {
                        let Exchange { client, session, .. } = exchange;
                        client.session = Some(session);
                        None
                    }
                }
            });
            let answers: BoxStream<'s, _> = Box::pin(answers);
            Ok(answers)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, Failure> {
        let answer = self.ask(Question::Vote(wire::put_ballot(&request))).await?;
        wire::take_ballot_answer(answer).map_err(|status| self.failure(&status))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, Failure> {
        let answer = self.ask(Question::PreVote(wire::put_ballot(&request))).await?;
        wire::take_ballot_answer(answer).map_err(|status| self.failure(&status))
    }

    /// Streams a snapshot; the member takes as long as it needs to install it. A connection that
    /// dies meanwhile is noticed by its pings.
    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, Image>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let link = self.links.to(self.target, &self.urls);
        let (failed, mut failure) = mpsc::channel(1);
        let identity = self.links.identity();
        let pieces = send_snapshot(identity, &vote, &snapshot.meta, snapshot.snapshot, failed);
        let unread = |error| StreamingError::Network(NetworkError::new(&error));
        let sending = async {
            let pieces = pieces.await.map_err(unread)?;
            let answer = link.peer.snapshot(link.card, pieces).await;
            if let Ok(error) = failure.try_recv() {
                return Err(unread(error));
            }
            let answer = answer.and_then(|answer| wire::take_vote(answer.vote));
            answer.map(SnapshotResponse::new).map_err(|status| {
                self.links.heed(&status);
                StreamingError::Unreachable(Unreachable::new(&status))
            })
        };
        tokio::select! {
            answer = sending => answer,
            closed = cancel => Err(StreamingError::Closed(closed)),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, Failure> {
        let answer = self.ask(Question::HandOver(wire::put_handover(&request))).await?;
        wire::take_handover_answer(&request, answer).map_err(|status| self.failure(&status))
    }

    fn backoff(&self) -> Option<Backoff> {
        let doubled = |pause: &Duration| Some((*pause * 2).min(BACKOFF_LAST));
        Some(Backoff::new(std::iter::successors(Some(BACKOFF_FIRST), doubled)))
    }
}
