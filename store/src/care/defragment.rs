//! Gives disk back on demand.

use std::time::Duration;

use crate::embedded::Embedded;
use crate::error::Error;

/// A snapshot that was being taken when defragmentation began may be too old; then another is
/// asked for, so many times at most.
const SNAPSHOT_ATTEMPTS: usize = 10;
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(6);

impl Embedded {
    /// Does at once what is otherwise done when it is worth it: frees what compaction has passed,
    /// and gives disk back. For that it takes a snapshot of the present and drops the log before it, but for what a
    /// member with others keeps for those that are away for a moment. Requests go on meanwhile.
    /// Returns when the log is purged.
    pub async fn defragment(&self) -> Result<(), Error> {
        self.check_running()?;
        while self.sweep_step().await? {
            tokio::task::yield_now().await;
        }
        let target = self.published.applied_index();
        for _ in 0..SNAPSHOT_ATTEMPTS {
            let triggered = self.raft.trigger().snapshot().await;
            triggered.map_err(|fatal| Error::Fatal { reason: fatal.to_string() })?;
            let wait = self.raft.wait(Some(SNAPSHOT_PATIENCE));
            let purged = wait.metrics(
                |metrics| {
                    let taken = metrics.snapshot.as_ref().is_some_and(|at| at.index >= target);
                    let upto = self.purgeable(target);
                    let purged = metrics.purged.as_ref().map(|purged| purged.index);
                    taken && purged >= upto
                },
                "the log is purged",
            );
            if purged.await.is_ok() {
                return Ok(());
            }
            self.check_running()?;
        }
        Err(Error::TimedOut)
    }
}
