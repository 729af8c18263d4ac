//! What this member answers to the others, whatever carried their calls.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use store_proto::peer as pb;
use store_proto::peer::answer::Answer;
use store_proto::peer::question::Question;
use tonic::Status;

use super::card::{Card, Desk};
use super::forward::Outcome;
use super::network::Responses;
use super::{pieces, wire};
use crate::error::Error;
use crate::raft::types::TypeConfig;
use crate::{Embedded, Store};

/// Answers while the member runs. Does not keep it running.
#[derive(Clone)]
pub struct Reception {
    store: Weak<Embedded>,
}

fn stopped(_: impl std::fmt::Display) -> Status {
    Status::from(Error::Stopped)
}

impl Reception {
    pub fn new(store: &Arc<Embedded>) -> Self {
        Self { store: Arc::downgrade(store) }
    }

    fn store(&self) -> Result<Arc<Embedded>, Status> {
        let store = self.store.upgrade().ok_or_else(|| Status::from(Error::Stopped))?;
        store.check_running()?;
        Ok(store)
    }

    fn admit(&self, card: &Card) -> Result<Arc<Embedded>, Status> {
        let store = self.store()?;
        let membership = store.published.membership.load();
        let identity = store.published.identity;
        let desk = Desk {
            cluster_id: identity.cluster_id,
            member_id: identity.member_id,
            membership: membership.log_id().as_ref().map_or(0, |log_id| log_id.index),
            knows_caller: membership.membership().get_node(&card.from).is_some(),
        };
        if let Err(status) = card.admitted(&desk) {
            tracing::warn!(
                caller = format_args!("{:x}", card.from),
                reason = status.message(),
                "a caller on the peer port is refused"
            );
            return Err(status);
        }
        Ok(store)
    }

    /// Appends what a leader sends, request by request, without waiting for one to be answered
    /// before the next is taken.
    pub fn append(
        &self,
        card: Card,
        requests: BoxStream<'static, Result<pb::AppendRequest, Status>>,
    ) -> Result<Responses, Status> {
        let store = self.admit(&card)?;
        // Ends at the first request that is none, and when the member stops.
        let requests = requests.map(|request| request.and_then(wire::take_append).ok());
        let requests = requests.take_while(|request| futures::future::ready(request.is_some()));
        let requests = requests.filter_map(futures::future::ready);
        let requests = requests.take_until(store.stopping().cancelled_owned());
        let hearing = store.contact().hear(card.from);
        let responses = store.raft.stream_append(requests).map(move |outcome| {
            let outcome = outcome.map_err(stopped)?;
            if outcome.is_ok() {
                hearing.note();
            }
            Ok(wire::put_appended(outcome))
        });
        Ok(responses.boxed())
    }

    /// Takes a snapshot and installs it.
    pub async fn snapshot(
        &self,
        card: Card,
        pieces: BoxStream<'static, Result<pb::SnapshotPiece, Status>>,
    ) -> Result<pb::SnapshotAnswer, Status> {
        let store = self.admit(&card)?;
        let received = pieces::receive(pieces, store.snapshot_dir()).await?;
        tracing::info!(
            from = format_args!("{:x}", card.from),
            last = ?received.meta.last_log_id,
            "received a snapshot"
        );
        let snapshot = openraft::type_config::alias::SnapshotOf::<TypeConfig, _> {
            meta: received.meta,
            snapshot: received.image,
        };
        let installed = store.raft.install_full_snapshot(received.vote, snapshot).await;
        let response = installed.map_err(stopped)?;
        Ok(pb::SnapshotAnswer { vote: Some(wire::put_vote(&response.vote)) })
    }

    /// Answers a question.
    pub async fn ask(&self, card: Card, question: pb::Question) -> Result<pb::Answer, Status> {
        let question = question
            .question
            .ok_or_else(|| Status::unimplemented("this version does not know the question"))?;
        if let Question::Members(pb::Members {}) = question {
            // Asked by those who are about to join, and cannot tell the cluster yet.
            return members(&*self.store()?).await;
        }
        let store = self.admit(&card)?;
        let answer = match question {
            Question::Vote(ballot) => {
                let response = store.raft.vote(wire::take_ballot(ballot)?).await;
                Answer::Vote(wire::put_ballot_answer(&response.map_err(stopped)?))
            }
            Question::PreVote(ballot) => {
                let response = store.raft.pre_vote(wire::take_ballot(ballot)?).await;
                Answer::Vote(wire::put_ballot_answer(&response.map_err(stopped)?))
            }
            Question::HandOver(handover) => {
                let request = wire::take_handover(handover)?;
                let response = store.raft.handle_transfer_leader(request).await;
                Answer::HandOver(wire::put_handover_answer(&response.map_err(stopped)?))
            }
            Question::Forward(forward) => Answer::Forward(propose(&store, forward).await?),
            Question::ReadIndex(pb::ReadIndex {}) => {
                let index = store.read_index_for_another().await?;
                Answer::ReadIndex(pb::ReadIndexAnswer { index })
            }
            Question::LeaseRenew(pb::LeaseRenew { id }) => {
                let ttl = store.renew_as_leader(id).await?;
                Answer::Lease(pb::LeaseAnswer { ttl })
            }
            Question::LeaseRemaining(pb::LeaseRemaining { id }) => {
                let ttl = store.lease_remaining_here(id).await?;
                Answer::Lease(pb::LeaseAnswer { ttl })
            }
            Question::HashKv(pb::HashKv { revision }) => {
                let hashed = store.hash_kv(revision).await?;
                Answer::HashKv(pb::HashKvAnswer {
                    hash: hashed.hash,
                    revision: hashed.revision,
                    compact_revision: hashed.compact_revision,
                    current_revision: hashed.header.revision,
                })
            }
            Question::ChangeMembers(change) => {
                let index = store.change_members_here(change).await?;
                Answer::ChangeMembers(pb::ChangeAnswer { index })
            }
            Question::Removed(pb::Removed { index }) => {
                store.heed_removal(index);
                Answer::Done(pb::Done {})
            }
            Question::Members(pb::Members {}) => unreachable!("answered above"),
        };
        Ok(wire::answer(answer))
    }
}

async fn members(store: &Embedded) -> Result<pb::Answer, Status> {
    let members = store.members().await?;
    Ok(wire::answer(Answer::Members(pb::MembersAnswer {
        cluster_id: store.published.identity.cluster_id,
        members: members
            .into_iter()
            .map(|member| pb::KnownMember {
                id: member.id,
                name: member.name,
                peer_urls: member.peer_urls,
                client_urls: member.client_urls,
                is_learner: member.is_learner,
            })
            .collect(),
    })))
}

/// Proposes what another member forwards, if this one leads in the term that the other means.
/// Answers when all is applied here, or discarded.
async fn propose(store: &Embedded, forward: pb::Forward) -> Result<pb::ForwardAnswer, Status> {
    let mut outcomes = Vec::with_capacity(forward.commands.len());
    for command in forward.commands {
        // Out of the message that brought it: see `wire::take_entry`.
        let command = Bytes::copy_from_slice(&command);
        outcomes.push(store.write_in(forward.term, command).await?);
    }
    let mut refused = Vec::new();
    for (at, outcome) in outcomes.into_iter().enumerate() {
        if let Ok(Outcome::Refused) = outcome.await {
            refused.push(at as u32);
        }
    }
    Ok(pb::ForwardAnswer { refused })
}
