//! A member whose disk stalls does not lead.
//!
//! A leader that cannot write its log holds everyone up, while its heartbeats keep the others from
//! electing one that can. So when one write of the log takes too long, leadership is given to the
//! voter that lacks least, and until the disk answers again this member stands for no election.
//!
//! A member that is alone has nobody to give it to and is not watched; nor is one at rest woken:
//! the others' heartbeats wake it more often anyway.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::embedded::Embedded;

/// Looks within the time that a write may take.
const LOOKS: u32 = 4;

/// What is known when the watch looks.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// How long the log's write has taken that is under way.
    busy_for: Option<Duration>,
    bound: Duration,
    /// Whether this member was told to stand back.
    stands_back: bool,
    leads: bool,
    /// The other voter that has most of the log.
    successor: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// Stand for no election, and give leadership away if there is someone to take it.
    StandBack(Option<u64>),
    /// Leadership was given away and did not go: try again.
    HandOver(u64),
    StandAgain,
}

fn decide(facts: Facts) -> Step {
    let stalled = facts.busy_for.is_some_and(|busy| busy > facts.bound);
    let successor = facts.successor.filter(|_| facts.leads);
    match (stalled, facts.stands_back) {
        (true, false) => Step::StandBack(successor),
        (true, true) => successor.map_or(Step::Nothing, Step::HandOver),
        (false, true) => Step::StandAgain,
        (false, false) => Step::Nothing,
    }
}

/// How long one write of the log may take; zero: as long as it likes.
fn bound(store: &Embedded) -> Duration {
    let election_timeout = store.config.cluster.election_timeout;
    store.config.care.stalled_disk_after.unwrap_or(2 * election_timeout)
}

/// Whether the log's disk stalls now, so that this member must not lead.
pub(crate) fn disk_stalls(store: &Embedded) -> bool {
    let bound = bound(store);
    let busy_for = store.disk.as_ref().and_then(|disk| disk.wal.disk_watch().busy_for());
    !bound.is_zero() && busy_for.is_some_and(|busy| busy > bound)
}

/// Starts watching the log's disk, where there is one and that is not turned off.
pub(super) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let bound = bound(store);
    let Some(disk) = store.disk.as_ref().map(|disk| disk.wal.disk_watch()) else { return };
    if bound.is_zero() {
        return;
    }
    let mut changes = store.raft.server_metrics();
    let store = Arc::downgrade(store);
    let stop = stop.clone();
    tasks.spawn(async move {
        let mut stands_back = false;
        loop {
            let Some(alone) = store.upgrade().map(|store| store.has_no_other_voter()) else {
                return;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(bound / LOOKS), if !alone || stands_back => {}
            }
            let Some(store) = store.upgrade() else { return };
            let facts = Facts {
                busy_for: disk.busy_for(),
                bound,
                stands_back,
                leads: store.raft.is_leader(),
                successor: store.successor(),
            };
            let step = decide(facts);
            match step {
                Step::Nothing => continue,
                Step::StandBack(_) => {
                    stands_back = true;
                    store.published.space.note_stall();
                    let busy_for = facts.busy_for.unwrap_or_default();
                    tracing::warn!(?busy_for, leads = facts.leads, "the log's disk stalls");
                    store.raft.runtime_config().elect(false);
                }
                Step::HandOver(_) => {}
                Step::StandAgain => {
                    stands_back = false;
                    tracing::info!("the log's disk answers again");
                    store.raft.runtime_config().elect(!store.has_no_other_voter());
                }
            }
            if let Step::StandBack(Some(to)) | Step::HandOver(to) = step {
                tracing::warn!(to = %format!("{to:x}"), "leadership is given away");
                // A core that is stuck itself does not hear this; then its heartbeats stop, too.
                let triggering = store.raft.trigger();
                let handing_over = triggering.transfer_leader(to);
                let outcome = tokio::time::timeout(bound, handing_over).await;
                if let Ok(Err(_)) = outcome {
                    return; // The core has ended, and has said why.
                }
            }
        }
    });
}

impl Embedded {
    fn has_no_other_voter(&self) -> bool {
        let metrics = self.raft.server_metrics();
        let membership = Arc::clone(&metrics.borrow_watched().membership_config);
        membership.voter_ids().all(|id| id == self.published.identity.member_id)
    }

    /// The other voter that has most of the log, as a leader knows.
    fn successor(&self) -> Option<u64> {
        let me = self.published.identity.member_id;
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let voters: Vec<u64> = metrics.membership_config.voter_ids().collect();
        let replicas = metrics.replication.iter().flatten();
        let others = replicas.filter(|(id, _)| **id != me && voters.contains(id));
        others.max_by_key(|(_, matched)| **matched).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_member_stands_back_until_its_disk_answers() {
        let millis = Duration::from_millis;
        let calm = Facts {
            busy_for: None,
            bound: millis(2000),
            stands_back: false,
            leads: false,
            successor: None,
        };
        let stalled = Facts { busy_for: Some(millis(2001)), ..calm };
        let leader = Facts { leads: true, successor: Some(7), ..stalled };
        let cases = [
            (calm, Step::Nothing),
            (Facts { busy_for: Some(millis(2000)), ..calm }, Step::Nothing),
            (stalled, Step::StandBack(None)),
            (leader, Step::StandBack(Some(7))),
            (Facts { leads: false, ..leader }, Step::StandBack(None)),
            (Facts { successor: None, ..leader }, Step::StandBack(None)),
            (Facts { stands_back: true, ..stalled }, Step::Nothing),
            (Facts { stands_back: true, ..leader }, Step::HandOver(7)),
            (Facts { stands_back: true, ..calm }, Step::StandAgain),
        ];
        for (facts, step) in cases {
            assert_eq!(decide(facts), step, "{facts:?}");
        }
    }
}
