//! Alarms: what members have found to be wrong, replicated so that every member knows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmKind {
    /// The quota is used up: what takes space is refused until some is free.
    NoSpace,
    /// The member's content differs from that of the others.
    Corrupt,
}

/// One member's alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alarm {
    pub kind: AlarmKind,
    pub member_id: u64,
}

/// The alarms that are raised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms(BTreeSet<Alarm>);

impl Alarms {
    /// Raises an alarm; whether it was not raised before.
    pub fn raise(&mut self, alarm: Alarm) -> bool {
        self.0.insert(alarm)
    }

    /// Takes an alarm back; whether it was raised.
    pub fn clear(&mut self, alarm: Alarm) -> bool {
        self.0.remove(&alarm)
    }

    pub fn iter(&self) -> impl Iterator<Item = Alarm> {
        self.0.iter().copied()
    }

    /// Whether this very alarm is raised.
    pub fn has(&self, alarm: Alarm) -> bool {
        self.0.contains(&alarm)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any member has raised it.
    pub fn any(&self, kind: AlarmKind) -> bool {
        self.iter().any(|alarm| alarm.kind == kind)
    }
}
