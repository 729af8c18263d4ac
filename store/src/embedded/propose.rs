//! Proposals, on the leader and on others.
//!
//! The leader proposes itself and is answered by Raft. Another member gives its proposal an id,
//! has the leader propose it, and answers when its own state machine has applied it.
//!
//! ```text
//!  forwarded ──► applied here            → its reply
//!            ├─► refused by that member  → looks for the leader again
//!            ├─► an entry of a later term is applied here, and it was not among those before
//!            │                           → it is lost for good: proposed again
//!            └─► time is up              → its outcome is unknown, and nobody tries again
//! ```
//!
//! The third is sound because a member proposes what is forwarded to it only in the term that the
//! sender meant, and terms never fall along the log.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::vote::RaftLeaderId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Embedded, Leadership};
use crate::command::{Command, Envelope};
use crate::error::Error;
use crate::membership::Refusal;
use crate::peer::Outcome;
use crate::raft::types::{Answer, LeaderId, Proposal};
use crate::reply::Reply;

/// Pause before the next try after a member refused that should have led: its news is older or
/// newer than this member's.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// What came of a proposal on this member itself.
enum Written {
    Replied(Result<Reply, Error>),
    /// It was not proposed: this member does not lead.
    NotHere,
    /// It was proposed, and its entry lost its place to another leader's.
    Discarded,
}

impl Embedded {
    /// etcd's request timeout: 5 s and twice the election timeout.
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + 2 * self.config.cluster.election_timeout
    }

    /// Replicates a command, from any member, and returns its answer. Where it is proposed for a
    /// client, the scope of an [`auth::Permit`](crate::auth::Permit) says on what grounds.
    pub(crate) async fn propose(&self, command: Command) -> Result<Reply, Error> {
        self.check_running()?;
        self.admit(&command).await?;
        let envelope = Envelope::of(command);
        let encoded = self.encode(&envelope)?;
        let start = Instant::now();
        let pending = self.proposals.begin();
        let written = if self.published.leads.load(Ordering::SeqCst) {
            self.write(encoded, start).await?
        } else {
            Written::NotHere
        };
        let reply = match written {
            Written::Replied(reply) => reply,
            Written::NotHere => self.propose_elsewhere(envelope, start).await?,
            Written::Discarded => return Err(Error::TimedOutLeaderFailed),
        };
        pending.answered();
        reply
    }

    /// As [`Embedded::propose`], if this member leads: never forwarded, and not held to the quota.
    pub(crate) async fn propose_as_leader(&self, command: Command) -> Result<Reply, Error> {
        self.check_running()?;
        let encoded = self.encode(&Envelope::from(command))?;
        let pending = self.proposals.begin();
        match self.write(encoded, Instant::now()).await? {
            Written::Replied(reply) => {
                pending.answered();
                reply
            }
            Written::NotHere => Err(Error::NoLeader),
            Written::Discarded => Err(Error::LeaderChanged),
        }
    }

    fn encode(&self, envelope: &Envelope) -> Result<Bytes, Error> {
        let encoded = envelope.encode();
        if encoded.len() > self.config.max_request_bytes {
            return Err(Error::RequestTooLarge);
        }
        Ok(encoded)
    }

    /// Proposes on this member itself, which has until the request timeout after `start`.
    async fn write(&self, encoded: Bytes, start: Instant) -> Result<Written, Error> {
        let write = self.raft.client_write(Proposal(encoded));
        let outcome = tokio::time::timeout_at(start + self.request_timeout(), write).await;
        match outcome.map_err(|_| self.timed_out(start))? {
            Ok(response) => match response.data {
                Answer::Command(reply) => Ok(Written::Replied(reply)),
                Answer::None => unreachable!("a command is answered as one"),
            },
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Ok(Written::NotHere),
            Err(RaftError::APIError(_)) => Ok(Written::Discarded),
            Err(RaftError::Fatal(_)) if self.stop.is_cancelled() => Err(Error::Stopped),
            Err(RaftError::Fatal(fatal)) => Err(self.fail(fatal.to_string())),
        }
    }

    /// Has the leader propose, whoever it is, or whoever it will be. The inner result is what the
    /// command was answered.
    async fn propose_elsewhere(
        &self,
        mut envelope: Envelope,
        start: Instant,
    ) -> Result<Result<Reply, Error>, Error> {
        if self.is_learner() {
            return Err(Refusal::NotSupportedForLearner.into());
        }
        envelope.request_id = rand::random::<u64>().max(1); // 0 means "nobody waits".
        let encoded = self.encode(&envelope)?;
        let mut waiter = self.published.waiters.register(envelope.request_id);
        let time_is_up = tokio::time::sleep_until(start + self.request_timeout());
        tokio::pin!(time_is_up);
        loop {
            let led = tokio::select! {
                led = self.some_leader() => led?,
                () = &mut time_is_up => return Err(self.timed_out(start)),
            };
            let Leadership { leader: Some(leader), term, leads } = led else { continue };
            if *self.published.applied_term().borrow() > term {
                // News of a leader that another has followed. Asking it would come to nothing, at
                // once and again.
                tokio::select! {
                    () = tokio::time::sleep(REFUSED_PAUSE) => continue,
                    () = self.stop.cancelled() => return Err(Error::Stopped),
                    () = &mut time_is_up => return Err(self.timed_out(start)),
                }
            }
            let outcome = async {
                let outcome = if leads {
                    self.write_in(term, encoded.clone()).await
                } else {
                    Ok(self.forwarder.send(leader, term, encoded.clone()))
                };
                match outcome {
                    Ok(outcome) => outcome.await.unwrap_or(Outcome::Unknown),
                    Err(_) => Outcome::Unknown,
                }
            };
            let refused = async {
                if outcome.await == Outcome::Unknown && !planted!(ProposedTwice) {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                reply = waiter.answer() => {
                    // Without a reply, a snapshot took the place of the entries among which the
                    // command might have been.
                    return reply.ok_or_else(|| self.timed_out(start));
                }
                () = self.applied_after(term) => {}
                () = refused => tokio::time::sleep(REFUSED_PAUSE).await,
                () = self.stop.cancelled() => return Err(Error::Stopped),
                () = &mut time_is_up => return Err(self.timed_out(start)),
            }
        }
    }

    /// Proposes on this member itself, if it leads in `term` when Raft comes to it. The receiver
    /// errs like [`Outcome::Unknown`].
    pub(crate) async fn write_in(
        &self,
        term: u64,
        encoded: Bytes,
    ) -> Result<oneshot::Receiver<Outcome>, Error> {
        let leader = LeaderId::new(term, 0).to_committed();
        let (responder, written) = ProgressResponder::complete_only();
        let write = self.raft.write(Proposal(encoded)).with_leader(leader).responder(responder);
        write.await.map_err(|_| Error::Stopped)?;
        let (sender, outcome) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = match written.await {
                Ok(Err(ClientWriteError::ForwardToLeader(_))) => Outcome::Refused,
                Ok(Ok(_) | Err(_)) | Err(_) => Outcome::Unknown,
            };
            let _ = sender.send(outcome);
        });
        Ok(outcome)
    }

    /// Waits until this member has applied an entry of a later term.
    async fn applied_after(&self, term: u64) {
        let mut applied = self.published.applied_term();
        if applied.wait_for(|applied| *applied > term).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits for a leader.
    pub(crate) async fn some_leader(&self) -> Result<Leadership, Error> {
        let mut leadership = self.leadership.subscribe();
        let led = leadership.wait_for(|now| now.leader.is_some());
        tokio::select! {
            led = led => led.map(|led| *led).map_err(|_| Error::Stopped),
            () = self.stop.cancelled() => Err(Error::Stopped),
        }
    }

    /// Why a request that began at `start` got no answer, as etcd words it.
    pub(crate) fn timed_out(&self, start: Instant) -> Error {
        let led = *self.leadership.borrow();
        let since = *self.led_since.lock().expect("no code panics while it holds this");
        if led.leader.is_some() && since.is_some_and(|since| since > start) {
            Error::TimedOutLeaderFailed
        } else {
            Error::TimedOut
        }
    }
}
