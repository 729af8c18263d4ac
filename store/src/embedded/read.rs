//! Linearizable reads, on any member.
//!
//! The leader confirms with a quorum that it leads and tells how far its log was committed; a
//! member that has applied as much holds all that was acknowledged before. Rounds are shared: all
//! that come while one is under way wait for the next, so a thousand readers cost what one does.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::errors::RaftError;
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Embedded, Leadership};
use crate::error::Error;
use crate::membership::Refusal;
use crate::peer::wire::expect_answer;

/// How long the leader may take over one question before it is asked again, as in etcd.
const RETRY: Duration = Duration::from_millis(500);
/// Pause after a round that failed at once.
const FAILED_PAUSE: Duration = Duration::from_millis(20);

/// Rounds of read indexes. The task lives while there is someone to answer.
#[derive(Debug, Default)]
pub(super) struct Rounds(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    under_way: bool,
    /// Who waits for the next round. Bounded by the requests under way.
    next: Vec<Asker>,
}

#[derive(Debug)]
struct Asker {
    /// Wants an answer from this member as the leader, or none.
    for_another: bool,
    answer: oneshot::Sender<Result<u64, Error>>,
}

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().expect("no code panics while it holds the rounds")
    }
}

impl Embedded {
    /// Makes sure that the published state holds every write acknowledged before this call.
    ///
    /// A member that is alone publishes a write before it answers it and nobody else can write, so
    /// its published state always does.
    pub(crate) async fn linearize(&self) -> Result<(), Error> {
        self.check_running()?;
        if self.published.alone.load(Ordering::SeqCst) {
            return Ok(());
        }
        if self.is_learner() {
            return Err(Refusal::NotSupportedForLearner.into());
        }
        let stale = match self.raft.is_leader() {
            true => planted!(StaleLeaderRead),
            false => planted!(StaleFollowerRead),
        };
        if stale {
            return Ok(());
        }
        let start = Instant::now();
        let reading = async {
            let index = self.read_index(false).await?;
            if !planted!(ReadIndexNotAwaited) {
                self.published.applied(index).await;
            }
            Ok(())
        };
        tokio::select! {
            outcome = tokio::time::timeout_at(start + self.request_timeout(), reading) => {
                outcome.unwrap_or_else(|_| Err(self.timed_out(start)))
            }
            () = self.stop.cancelled() => Err(Error::Stopped),
        }
    }

    /// The index that whoever reads must have applied, if this member leads.
    pub(crate) async fn read_index_for_another(&self) -> Result<u64, Error> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader.into());
        }
        self.read_index(true).await
    }

    /// Returns when a quorum has confirmed that this member leads, and it has applied everything
    /// that was committed before.
    pub(crate) async fn confirm_leadership(&self) -> Result<(), Error> {
        self.check_running()?;
        if self.published.alone.load(Ordering::SeqCst) {
            return Ok(());
        }
        let start = Instant::now();
        let confirming = async {
            let index = self.read_index_for_another().await?;
            self.published.applied(index).await;
            Ok(())
        };
        let outcome = tokio::select! {
            outcome = tokio::time::timeout_at(start + self.request_timeout(), confirming) => {
                outcome.unwrap_or_else(|_| Err(self.timed_out(start)))
            }
            () = self.stop.cancelled() => Err(Error::Stopped),
        };
        match outcome {
            Err(Error::Membership(Refusal::NotLeader)) => Err(Error::NoLeader),
            outcome => outcome,
        }
    }

    async fn read_index(&self, for_another: bool) -> Result<u64, Error> {
        let (answer, index) = oneshot::channel();
        let begins = {
            let mut waiting = self.rounds.lock();
            waiting.next.push(Asker { for_another, answer });
            !std::mem::replace(&mut waiting.under_way, true)
        };
        if begins {
            let store = self.this.upgrade().ok_or(Error::Stopped)?;
            tokio::spawn(store.answer_rounds());
        }
        index.await.unwrap_or(Err(Error::Stopped))
    }

    async fn answer_rounds(self: Arc<Self>) {
        loop {
            let askers = {
                let mut waiting = self.rounds.lock();
                if waiting.next.is_empty() {
                    waiting.under_way = false;
                    return;
                }
                std::mem::take(&mut waiting.next)
            };
            self.answer_round(askers).await;
        }
    }

    async fn answer_round(&self, mut askers: Vec<Asker>) {
        let deadline = Instant::now() + self.request_timeout();
        let index = loop {
            if !self.is_leader() {
                // They know better whom to ask, or will.
                let others = askers.extract_if(.., |asker| asker.for_another);
                others.for_each(|other| drop(other.answer.send(Err(Refusal::NotLeader.into()))));
            }
            askers.retain(|asker| !asker.answer.is_closed());
            if askers.is_empty() {
                return;
            }
            match self.try_round(deadline).await {
                Err(Error::NoLeader) if Instant::now() < deadline => {
                    tokio::time::sleep(FAILED_PAUSE).await;
                }
                index => break index,
            }
        };
        for asker in askers {
            // Who does not wait any more needs no answer.
            let _ = asker.answer.send(index.clone());
        }
    }

    /// One try; [`Error::NoLeader`] asks for another.
    async fn try_round(&self, deadline: Instant) -> Result<u64, Error> {
        let led = tokio::time::timeout_at(deadline, self.some_leader()).await;
        let Leadership { leader: Some(leader), leads, .. } = led.unwrap_or(Err(Error::TimedOut))?
        else {
            return Err(Error::NoLeader);
        };
        if leads {
            return match self.raft.get_read_log_id(ReadPolicy::ReadIndex).await {
                Ok((read, _)) => Ok(read.log_id().index),
                Err(RaftError::APIError(_)) => Err(Error::NoLeader),
                Err(RaftError::Fatal(_)) if self.stop.is_cancelled() => Err(Error::Stopped),
                Err(RaftError::Fatal(fatal)) => Err(self.fail(fatal.to_string())),
            };
        }
        let question = Question::ReadIndex(pb::ReadIndex {});
        let answer = self.links.ask(leader, question, RETRY).await;
        let answer = answer.and_then(|answer| expect_answer!(answer, ReadIndex));
        answer.map(|answer| answer.index).map_err(|_| Error::NoLeader)
    }

    /// What every other member says of its keys at `revision`; `None` of one that does not answer.
    pub(crate) async fn hashes_of_others(
        &self,
        revision: i64,
    ) -> Vec<(u64, Option<pb::HashKvAnswer>)> {
        let me = self.published.identity.member_id;
        let membership = self.published.membership.load_full();
        let others = membership.nodes().map(|(id, _)| *id).filter(|id| *id != me);
        let asking = others.map(|id| async move {
            let question = Question::HashKv(pb::HashKv { revision });
            let answer = self.links.ask(id, question, self.request_timeout()).await;
            (id, answer.and_then(|answer| expect_answer!(answer, HashKv)).ok())
        });
        futures::future::join_all(asking).await
    }
}
