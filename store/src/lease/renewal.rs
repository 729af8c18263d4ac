//! Keep-alives, as the leader answers them.

use super::keeper::Renewal;
use crate::command::{Command, LeaseCheckpoint};
use crate::embedded::Embedded;
use crate::error::Error;

impl Embedded {
    /// Renews a lease on this member, which must lead, and answers its TTL in seconds; 0 when there
    /// is no such lease. [`Error::NoLeader`] when this member turns out not to lead: the caller may
    /// ask the member that does.
    pub(crate) async fn renew_as_leader(&self, id: i64) -> Result<i64, Error> {
        self.confirm_leadership().await?;
        let Some((ttl, remaining_ttl)) = self.lease_times(id) else { return Ok(0) };
        if remaining_ttl > 0 {
            // What a checkpoint said holds no longer, and a new leader must not go by it.
            let checkpoint = LeaseCheckpoint { id, remaining_ttl: 0 };
            self.propose_as_leader(Command::LeaseCheckpoint(vec![checkpoint])).await?;
        }
        match self.published.keeper.renew(id, ttl).await {
            Renewal::Renewed => Ok(ttl),
            Renewal::Gone => Ok(0),
            Renewal::NotLeading => Err(Error::NoLeader),
        }
    }

    /// A lease's TTL and what its checkpoint left of it.
    fn lease_times(&self, id: i64) -> Option<(i64, i64)> {
        let state = self.published.state.load();
        state.lease(id).map(|lease| (lease.ttl, lease.remaining_ttl))
    }
}
