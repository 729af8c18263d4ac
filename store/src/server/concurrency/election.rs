//! `v3electionpb.Election`.

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use store_proto::v3electionpb as pb;
use store_proto::v3electionpb::election_server::Election;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::queue::{Desk, created_at, enqueue, key_of, oldest, prefix_of, read_at, told};
use crate::server::access::{Access, Caller};
use crate::server::convert;
use crate::types::*;

const NOT_LEADER: &str = "election: not leader";
const NO_LEADER: &str = "election: no leader";
const NO_LEADER_KEY: &str = "\"leader\" field must be provided";

/// Proclamations that may wait for a slow observer; then the observer is fed from history.
const ANSWERS_IN_FLIGHT: usize = 16;

pub(in crate::server) struct ElectionService(pub Access);

#[tonic::async_trait]
impl Election for ElectionService {
    /// Answers once the caller leads. A lease that campaigns already only gets its value changed.
    async fn campaign(
        &self,
        request: Request<pb::CampaignRequest>,
    ) -> Result<Response<pb::CampaignResponse>, Status> {
        let (caller, request) = Caller::of(request);
        campaign(&self.0, caller, request).await.map(Response::new).map_err(told)
    }

    /// Gives the leader another value without another election.
    async fn proclaim(
        &self,
        request: Request<pb::ProclaimRequest>,
    ) -> Result<Response<pb::ProclaimResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let Some(leader) = request.leader else { return Err(Status::unknown(NO_LEADER_KEY)) };
        let desk = Desk { access: &self.0, caller: &caller };
        let lease = desk.session(leader.lease).await.map_err(told)?;
        let claim = Claim { key: leader.key, revision: leader.rev, lease };
        let header = claim.proclaim(desk, request.value).await.map_err(told)?;
        Ok(Response::new(pb::ProclaimResponse { header: convert::header(header) }))
    }

    async fn leader(
        &self,
        request: Request<pb::LeaderRequest>,
    ) -> Result<Response<pb::LeaderResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let range = oldest(&prefix_of(&request.name));
        let answer = self.0.range(&caller, range).await.map_err(told)?;
        match answer.kvs.into_iter().next() {
            Some(kv) => Ok(Response::new(leader_response(answer.header, kv))),
            None => Err(Status::unknown(NO_LEADER)),
        }
    }

    type ObserveStream = Pin<Box<dyn Stream<Item = Result<pb::LeaderResponse, Status>> + Send>>;

    /// The leader's values as they are proclaimed, from leader to leader. As in etcd, values that
    /// a later one has overtaken between two leaders may be left out, and the stream ends, without
    /// a word, when the store cannot go on.
    async fn observe(
        &self,
        request: Request<pb::LeaderRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let (caller, request) = Caller::of(request);
        let access = self.0.clone();
        let (answers, stream) = mpsc::channel(ANSWERS_IN_FLIGHT);
        tokio::spawn(async move {
            let gone = answers.clone();
            let observer = Observer { access, caller, prefix: prefix_of(&request.name), answers };
            tokio::select! {
                outcome = observer.run() => {
                    if let Err(refusal) = outcome {
                        tracing::debug!(%refusal, "an observed election ends");
                    }
                }
                () = gone.closed() => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    /// Gives leadership up. Who does not lead (any more) is answered all the same.
    async fn resign(
        &self,
        request: Request<pb::ResignRequest>,
    ) -> Result<Response<pb::ResignResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let Some(leader) = request.leader else { return Err(Status::unknown(NO_LEADER_KEY)) };
        let desk = Desk { access: &self.0, caller: &caller };
        let lease = desk.session(leader.lease).await.map_err(told)?;
        let claim = Claim { key: leader.key, revision: leader.rev, lease };
        let header = claim.resign(desk).await.map_err(told)?;
        Ok(Response::new(pb::ResignResponse { header: convert::header(header) }))
    }
}

/// A candidate's key, and the revision at which it was created.
#[derive(Clone, Debug)]
struct Claim {
    key: Bytes,
    revision: i64,
    lease: i64,
}

impl Claim {
    async fn proclaim(&self, desk: Desk<'_>, value: Bytes) -> Result<Header, Status> {
        let (key, lease) = (convert::key_range(self.key.clone(), Bytes::new())?.key, self.lease);
        let put = PutRequest { key, value, lease, ..PutRequest::default() };
        let txn = Txn {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![RequestOp::Put(put)],
            failure: Vec::new(),
        };
        let answer = desk.txn(txn).await?;
        if answer.succeeded { Ok(answer.header) } else { Err(Status::unknown(NOT_LEADER)) }
    }

    async fn resign(&self, desk: Desk<'_>) -> Result<Header, Status> {
        let range = convert::key_range(self.key.clone(), Bytes::new())?;
        let txn = Txn {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![RequestOp::DeleteRange(DeleteRangeRequest { range, prev_kv: false })],
            failure: Vec::new(),
        };
        Ok(desk.txn(txn).await?.header)
    }
}

async fn campaign(
    access: &Access,
    caller: Caller,
    request: pb::CampaignRequest,
) -> Result<pb::CampaignResponse, Status> {
    let mut candidate = Candidate { access, caller, claim: None };
    let desk = Desk { access, caller: &candidate.caller };
    let lease = desk.session(request.lease).await?;
    let prefix = prefix_of(&request.name);
    let key = key_of(&prefix, lease);
    let txn = enqueue(&key, request.value.clone(), lease);
    let answer = desk.take_place(&key, txn).await?;
    let mut claim = Claim { key: key.clone(), revision: answer.header.revision, lease };
    let mut header = answer.header;
    let standing = read_at(&answer, 0);
    if let Some(standing) = standing {
        claim.revision = standing.create_revision;
    }
    candidate.claim = Some(claim.clone());
    let desk = Desk { access, caller: &candidate.caller };
    if standing.is_some_and(|standing| standing.value != request.value) {
        claim.proclaim(desk, request.value).await?;
    }
    let waited = desk.wait_for_older(&prefix, claim.revision - 1).await;
    // As in etcd, who fails here keeps the key until its lease ends; who goes away resigns.
    candidate.claim = None;
    waited?;
    header.revision = answer.header.revision;
    Ok(pb::CampaignResponse {
        header: convert::header(header),
        leader: Some(pb::LeaderKey { name: request.name, key, rev: claim.revision, lease }),
    })
}

/// Resigns for a caller that goes away while it waits, or whose value is refused.
struct Candidate<'a> {
    access: &'a Access,
    caller: Caller,
    claim: Option<Claim>,
}

impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        let Some(claim) = self.claim.take() else { return };
        let (access, caller) = (self.access.clone(), std::mem::take(&mut self.caller));
        // Nobody waits for it: one request, which the store's own timeout bounds.
        tokio::spawn(async move {
            if let Err(refusal) = claim.resign(Desk { access: &access, caller: &caller }).await {
                tracing::debug!(%refusal, "a candidate's key stays until its lease ends");
            }
        });
    }
}

fn leader_response(header: Header, kv: KeyValue) -> pb::LeaderResponse {
    pb::LeaderResponse { header: convert::header(header), kv: Some(convert::key_value(kv)) }
}

/// Follows an election for one stream.
struct Observer {
    access: Access,
    caller: Caller,
    prefix: Bytes,
    answers: mpsc::Sender<Result<pb::LeaderResponse, Status>>,
}

impl Observer {
    async fn run(&self) -> Result<(), Status> {
        loop {
            let answer = self.access.range(&self.caller, oldest(&self.prefix)).await?;
            let header = answer.header;
            let (header, leader) = match answer.kvs.into_iter().next() {
                Some(kv) => (header, kv),
                None => self.first_candidate(header).await?,
            };
            let (key, revision) = (leader.key.clone(), header.revision);
            self.tell(header, leader).await?;
            self.follow(key, Header { revision: revision + 1, ..header }).await?;
        }
    }

    /// Waits for the first put under the prefix.
    async fn first_candidate(&self, header: Header) -> Result<(Header, KeyValue), Status> {
        let range = KeyRange::prefix(self.prefix.clone());
        let mut watcher = self.watch(range, header.revision).await?;
        loop {
            let (revision, events) = next_events(&mut watcher).await?;
            let put = events.iter().find(|event| event.event_type == EventType::Put);
            if let Some(event) = put {
                return Ok((Header { revision, ..header }, KeyValue::clone(&event.kv)));
            }
        }
    }

    /// Tells what the leader proclaims from `start`'s revision on, until its key is deleted.
    async fn follow(&self, key: Bytes, start: Header) -> Result<(), Status> {
        let mut watcher = self.watch(KeyRange::single(key), start.revision).await?;
        loop {
            let (revision, events) = next_events(&mut watcher).await?;
            for event in events.iter() {
                match event.event_type {
                    EventType::Delete => return Ok(()),
                    EventType::Put => {
                        self.tell(Header { revision, ..start }, KeyValue::clone(&event.kv)).await?;
                    }
                }
            }
        }
    }

    async fn watch(&self, range: KeyRange, start_revision: i64) -> Result<crate::Watcher, Status> {
        self.access.watch(&self.caller, WatchRequest { range, start_revision }).await
    }

    async fn tell(&self, header: Header, leader: KeyValue) -> Result<(), Status> {
        let answer = leader_response(header, leader);
        let sent = self.answers.send(Ok(answer)).await;
        sent.map_err(|_| Status::cancelled("the observer is gone"))
    }
}

type Events = std::sync::Arc<[Event]>;

async fn next_events(watcher: &mut crate::Watcher) -> Result<(i64, Events), Status> {
    loop {
        match watcher.items.recv().await {
            Some(WatchItem::Events { revision, events }) => return Ok((revision, events)),
            Some(WatchItem::Progress { .. }) => {}
            Some(WatchItem::Compacted { compact_revision }) => {
                return Err(crate::Error::Compacted { compact_revision }.into());
            }
            None => return Err(crate::Error::Stopped.into()),
        }
    }
}
