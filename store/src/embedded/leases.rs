//! Leases on any member: the leader keeps their deadlines, so it is asked.

use std::time::Duration;

use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::time::Instant;

use super::{Embedded, Leadership};
use crate::error::Error;
use crate::membership::Refusal;
use crate::peer::wire::expect_answer;

/// Pause before the next try after a member refused that should have led; etcd's is 50 ms.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

impl Embedded {
    /// Renews a lease and answers its TTL in seconds, 0 for an unknown one.
    pub(crate) async fn renew_lease(&self, id: i64) -> Result<i64, Error> {
        self.on_leader(Question::LeaseRenew(pb::LeaseRenew { id })).await
    }

    /// Seconds that a lease has left, -1 for an unknown one.
    pub(crate) async fn lease_remaining(&self, id: i64) -> Result<i64, Error> {
        self.on_leader(Question::LeaseRemaining(pb::LeaseRemaining { id })).await
    }

    /// As [`Embedded::lease_remaining`], if this member leads.
    pub(crate) async fn lease_remaining_here(&self, id: i64) -> Result<i64, Error> {
        self.confirm_leadership().await?;
        Ok(self.published.keeper.remaining(id).unwrap_or(-1))
    }

    /// Asks the leader, which may be this member. Nothing here changes what is stored, so it is
    /// asked again where the leader changes meanwhile.
    async fn on_leader(&self, question: Question) -> Result<i64, Error> {
        self.check_running()?;
        if self.is_learner() {
            return Err(Refusal::NotSupportedForLearner.into());
        }
        let start = Instant::now();
        let deadline = start + self.request_timeout();
        while Instant::now() < deadline {
            // etcd waits this long for a leader, too.
            let led =
                tokio::time::timeout(self.config.cluster.election_timeout, self.some_leader());
            let led = led.await.unwrap_or(Err(Error::NoLeader))?;
            let Leadership { leader: Some(leader), leads, .. } = led else { continue };
            let outcome = match &question {
                Question::LeaseRenew(renew) if leads => self.renew_as_leader(renew.id).await,
                Question::LeaseRemaining(lease) if leads => {
                    self.lease_remaining_here(lease.id).await
                }
                question => {
                    let patience = self.config.cluster.election_timeout;
                    let answer = self.links.ask(leader, question.clone(), patience).await;
                    let answer = answer.and_then(|answer| expect_answer!(answer, Lease));
                    answer.map(|answer| answer.ttl).map_err(|_| Error::NoLeader)
                }
            };
            match outcome {
                Err(Error::NoLeader) => tokio::time::sleep(RETRY_PAUSE).await,
                outcome => return outcome,
            }
        }
        Err(self.timed_out(start))
    }
}
