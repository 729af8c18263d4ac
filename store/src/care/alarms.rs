//! Alarms as `Maintenance.Alarm` lists, raises and disarms them.

use crate::alarm::{Alarm, AlarmKind};
use crate::command::Command;
use crate::embedded::Embedded;
use crate::error::Error;
use crate::reply::Reply;
use crate::types::Header;

impl Embedded {
    /// The alarms that are raised, of one kind or of all.
    pub async fn alarms(&self, kind: Option<AlarmKind>) -> Result<(Header, Vec<Alarm>), Error> {
        self.linearize().await?;
        let state = self.published.state.load_full();
        let asked = |alarm: &Alarm| kind.is_none_or(|kind| alarm.kind == kind);
        let alarms = state.side.alarms.iter().filter(asked).collect();
        Ok((self.published.header(state.revision), alarms))
    }

    /// Raises an alarm of any member, or 0 for the whole cluster. As in etcd, the answer names it
    /// also when it was raised before.
    pub async fn raise_alarm(&self, alarm: Alarm) -> Result<(Header, Vec<Alarm>), Error> {
        let header = self.propose_alarm(true, alarm).await?;
        Ok((header, vec![alarm]))
    }

    /// Takes an alarm back, whatever it was for. The answer names it if it was raised.
    pub async fn disarm(&self, alarm: Alarm) -> Result<(Header, Vec<Alarm>), Error> {
        let (_, raised) = self.alarms(Some(alarm.kind)).await?;
        let header = self.propose_alarm(false, alarm).await?;
        Ok((header, raised.into_iter().filter(|other| *other == alarm).collect()))
    }

    async fn propose_alarm(&self, raise: bool, alarm: Alarm) -> Result<Header, Error> {
        match self.propose(Command::Alarm { raise, alarm }).await? {
            Reply::Header(header) => Ok(header),
            other => unreachable!("an alarm was answered by {other:?}"),
        }
    }
}
