//! Holds proposals to the quota and to the alarms, before they cost anything.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::quota;
use crate::alarm::{Alarm, AlarmKind};
use crate::command::Command;
use crate::embedded::Embedded;
use crate::error::Error;

impl Embedded {
    /// Bytes that the store takes, as `Status.db_size` tells and the quota counts them.
    pub(crate) fn used_bytes(&self) -> u64 {
        let space = &self.published.space;
        space.in_use().max(space.snapshot_bytes())
    }

    /// Refuses what an alarm or the quota forbids, and raises the alarm when it is the quota.
    pub(crate) async fn admit(&self, command: &Command) -> Result<(), Error> {
        quota::permit(&self.published.state.load().side.alarms, command)?;
        let cost = quota::cost(command);
        if !quota::exceeds(self.config.care.quota(), self.used_bytes(), cost) {
            return Ok(());
        }
        self.raise_no_space().await;
        Err(Error::NoSpace)
    }

    /// Raises this member's alarm, unless it is raised. Returns when every reader of this member
    /// sees it.
    fn raise_no_space(&self) -> BoxFuture<'_, ()> {
        async {
            self.published.space.note_full();
            let member_id = self.published.identity.member_id;
            let alarm = Alarm { kind: AlarmKind::NoSpace, member_id };
            let _one = self.published.space.raising.lock().await;
            if self.published.state.load().side.alarms.has(alarm) {
                return;
            }
            let (used, quota) = (self.used_bytes(), self.config.care.quota());
            tracing::warn!(used, quota, "the quota is used up; raising the NOSPACE alarm");
            if let Err(error) = self.propose(Command::Alarm { raise: true, alarm }).await {
                tracing::warn!(%error, "the NOSPACE alarm is not raised yet");
            }
        }
        .boxed()
    }
}
