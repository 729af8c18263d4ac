//! Gives space back while everything goes on, and takes the NOSPACE alarm back once there is some.
//!
//! ```text
//!  compaction ──► superseded values freed, a step at a time between writes
//!             ──► a snapshot, if that halves what is on disk: the log before it is purged
//!             ──► alarm taken back, if enough of the quota is free
//! ```
//!
//! Each step holds the state machine for less than a millisecond; a snapshot is written beside it
//! from a state that shares everything with the present one. So there is nothing that a write or a
//! read would wait for, and nothing left for an operator to do: `defrag` only brings it forward.

use std::sync::{Arc, Weak};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::quota;
use crate::command::Command;
use crate::embedded::Embedded;
use crate::error::Error;

/// Revisions freed in one step: a fraction of a millisecond.
const SWEEP_STEP: usize = 512;

/// What a member takes on disk in any case, about: a log segment, and the least of a home.
const DISK_FLOOR: u64 = 32 << 20;

/// Starts giving space back whenever there is some.
pub(super) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let published = Arc::clone(&store.published);
    let mut snapshots = store.raft.watch_snapshot_progress();
    let weak = Arc::downgrade(store);
    let stop = stop.clone();
    store.note_snapshot();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = published.space.changed.notified() => {}
                changed = snapshots.changed() => if changed.is_err() { return },
            }
            tokio::select! {
                () = stop.cancelled() => return,
                outcome = reclaim(&weak) => match outcome {
                    Ok(()) => {}
                    Err(Error::Stopped | Error::Fatal { .. }) => return,
                    // With the next change, or by the next leader.
                    Err(error) => tracing::warn!(%error, "space is not given back yet"),
                },
            }
        }
    });
}

async fn reclaim(store: &Weak<Embedded>) -> Result<(), Error> {
    let Some(store) = store.upgrade() else { return Ok(()) };
    store.note_snapshot();
    while store.sweep_step().await? {
        tokio::task::yield_now().await;
    }
    if worth_a_snapshot(&store.disk_use()) {
        store.trigger_snapshot().await?;
    }
    store.clear_no_space().await
}

/// What bears on whether a snapshot is worth its while.
#[derive(Clone, Copy, Debug)]
struct DiskUse {
    /// What a snapshot would take.
    in_use: u64,
    snapshot: u64,
    log: u64,
    /// Bytes that are to be fallen below, where the quota presses.
    wanted: Option<u64>,
}

/// Whether a snapshot taken now gives enough back: half of what is on disk, or what the quota lacks.
fn worth_a_snapshot(disk: &DiskUse) -> bool {
    let halves = disk.snapshot + disk.log >= 2 * (disk.in_use + DISK_FLOOR);
    let relieves =
        disk.wanted.is_some_and(|wanted| disk.in_use <= wanted && disk.snapshot > wanted);
    halves || relieves
}

impl Embedded {
    /// Takes note of how large the snapshots on disk are.
    fn note_snapshot(&self) {
        if let Some(disk) = &self.disk {
            self.published.space.note_snapshot(disk.snapshots.bytes());
        }
    }

    /// Frees some of what compaction has passed. Whether there is more.
    pub(super) async fn sweep_step(&self) -> Result<bool, Error> {
        if self.published.state.load().is_swept() {
            return Ok(false);
        }
        let step = self.raft.with_state_machine(|machine| {
            let more = machine.sweep(SWEEP_STEP);
            Box::pin(async move { more })
        });
        step.await.map_err(|fatal| Error::Fatal { reason: fatal.to_string() })
    }

    fn disk_use(&self) -> DiskUse {
        let space = &self.published.space;
        let alarmed = !self.published.state.load().side.alarms.is_empty();
        let wanted = self.config.care.quota().filter(|_| alarmed);
        DiskUse {
            in_use: space.in_use(),
            snapshot: space.snapshot_bytes(),
            log: self.disk.as_ref().map_or(0, |disk| disk.wal.bytes()),
            wanted: wanted.map(quota::clear_below),
        }
    }

    async fn trigger_snapshot(&self) -> Result<(), Error> {
        let triggered = self.raft.trigger().snapshot().await;
        triggered.map_err(|fatal| Error::Fatal { reason: fatal.to_string() })
    }

    /// Takes back the alarms that hold no longer.
    async fn clear_no_space(&self) -> Result<(), Error> {
        let state = self.published.state.load_full();
        let leads = self.is_leader();
        let membership = self.published.membership.load_full();
        let gone = |id| leads && membership.get_node(&id).is_none();
        let me = self.published.identity.member_id;
        let (quota, used) = (self.config.care.quota(), self.used_bytes());
        let full = self.published.space.was_full();
        for alarm in quota::to_clear(&state.side.alarms, me, quota, used, full, gone) {
            tracing::info!(used, quota, member = alarm.member_id, "there is space again");
            self.propose(Command::Alarm { raise: false, alarm }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_when_it_halves_what_is_on_disk() {
        const MIB: u64 = 1 << 20;
        let cases = [
            // in use, snapshot, log, wanted
            (0, 0, 16, None, false),
            (0, 0, 63, None, false),
            (0, 0, 64, None, true),
            (0, 48, 16, None, true),
            (100, 100, 100, None, false),
            (100, 200, 64, None, true),
            (8, 20, 16, Some(18), true),
            (19, 20, 16, Some(18), false),
            (8, 17, 16, Some(18), false),
        ];
        for (in_use, snapshot, log, wanted, expected) in cases {
            let disk = DiskUse {
                in_use: in_use * MIB,
                snapshot: snapshot * MIB,
                log: log * MIB,
                wanted: wanted.map(|wanted: u64| wanted * MIB),
            };
            assert_eq!(worth_a_snapshot(&disk), expected, "{disk:?}");
        }
    }
}
