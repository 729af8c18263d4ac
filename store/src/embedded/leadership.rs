//! Who leads, as far as this member can tell, and what follows from it: ticks where there are
//! others, none where there are not.
//!
//! Raft remembers its leader until it hears of another, so by its word a member that is cut off
//! has a leader for ever. Here a leader counts while it is heard from (and this member itself,
//! leading, while a quorum hears it).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant as _, ServerState};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Embedded;
use crate::raft::tuning::{leader_lease, longest_election_timeout};
use crate::raft::types::StoredMembership;

/// A member with others looks this many times in an election timeout whether its leader is well.
const LOOKS_PER_ELECTION_TIMEOUT: u32 = 4;

/// Who leads, as this member sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// `None` while there is none, or none is heard from.
    pub leader: Option<u64>,
    pub term: u64,
    /// This member leads.
    pub leads: bool,
}

/// What a judgement goes by.
#[derive(Clone, Copy, Debug)]
struct Facts {
    me: u64,
    term: u64,
    /// By Raft's word.
    leader: Option<u64>,
    alone: bool,
    /// Since a quorum last confirmed this member as leader.
    confirmed: Option<Duration>,
    /// Since the leader was last heard from.
    heard: Option<Duration>,
    /// A leader that is silent for longer is none.
    patience: Duration,
    /// A leader that no quorum confirmed for longer takes no writes.
    lease: Duration,
}

fn judge(facts: Facts) -> Leadership {
    let Facts { me, term, leader, alone, confirmed, heard, patience, lease } = facts;
    let well = if leader == Some(me) {
        alone || confirmed.is_some_and(|silence| silence <= lease)
    } else {
        heard.is_some_and(|silence| silence <= patience)
    };
    let leader = leader.filter(|_| well);
    Leadership { leader, term, leads: leader == Some(me) }
}

/// Whether the membership is this member and nobody else.
pub(super) fn is_alone(membership: &StoredMembership, me: u64) -> bool {
    membership.nodes().map(|(id, _)| *id).eq([me]) && membership.voter_ids().eq([me])
}

/// Whether nobody else has a vote, whoever learns from this member.
fn has_the_only_vote(membership: &StoredMembership, me: u64) -> bool {
    membership.voter_ids().eq([me])
}

impl Embedded {
    /// Looks at Raft and at the clock, and tells who leads now. Returns whether that is about to
    /// change: Raft knows a leader that was not heard yet.
    pub(crate) fn look(&self) -> bool {
        let me = self.published.identity.member_id;
        let metrics = self.raft.metrics();
        let (mut facts, effective, committed) = {
            let metrics = metrics.borrow_watched();
            let facts = Facts {
                me,
                term: metrics.current_term,
                leader: metrics.current_leader.filter(|leader| {
                    // A leader that is stepping down still has its own vote.
                    *leader != me || metrics.state == ServerState::Leader
                }),
                alone: false,
                confirmed: metrics.last_quorum_acked.map(|acked| acked.elapsed()),
                heard: None,
                patience: longest_election_timeout(&self.config.cluster),
                lease: leader_lease(&self.config.cluster),
            };
            let effective = Arc::clone(&metrics.membership_config);
            (facts, effective, Arc::clone(&metrics.committed_membership_config))
        };
        self.links.follow(Arc::clone(&effective));
        self.heed_membership(&effective, &committed);
        facts.alone = is_alone(&effective, me) && is_alone(&committed, me);
        if has_the_only_vote(&effective, me) && has_the_only_vote(&committed, me) {
            // Its own vote is a quorum, whether learners hear it or not.
            facts.confirmed = Some(Duration::ZERO);
        }
        facts.heard = facts.leader.and_then(|leader| self.contact.age(leader));
        self.tick(!facts.alone);
        let now = judge(facts);
        self.published.note_term(now.term);
        self.published.leads.store(now.leads, Ordering::SeqCst);
        // By what is shown after the last change, not before.
        let shown = effective.log_id().as_ref().map_or(0, |log_id| log_id.index);
        let settled = self.changing.load(Ordering::SeqCst) == 0
            && shown >= self.changed.load(Ordering::SeqCst);
        if facts.alone && now.leads && settled {
            self.published.alone.store(true, Ordering::SeqCst);
        } else if !facts.alone {
            self.published.alone.store(false, Ordering::SeqCst);
        }
        self.leadership.send_if_modified(|known| {
            let changed = *known != now;
            if now.leader.is_some() && (known.leader, known.term) != (now.leader, now.term) {
                crate::meters::count(&self.published.meters.leader_changes);
                *self.led_since.lock().expect("no code panics while it holds this") =
                    Some(Instant::now());
            }
            *known = now;
            changed
        });
        facts.leader.is_some() && now.leader.is_none()
    }

    /// Turns Raft's clock on or off.
    fn tick(&self, on: bool) {
        if self.ticking.swap(on, Ordering::Relaxed) == on {
            return;
        }
        let settings = self.raft.runtime_config();
        settings.heartbeat(on);
        settings.elect(on);
        settings.tick(on);
    }

    /// Keeps looking while the member runs: when Raft's state changes and, where there are others,
    /// now and then.
    pub(super) fn start_looking(self: &Arc<Self>) {
        let pause = self.config.cluster.election_timeout / LOOKS_PER_ELECTION_TIMEOUT;
        let mut changes = self.raft.server_metrics();
        let mut signs = self.raft.data_metrics();
        let store = Arc::downgrade(self);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                let Some((alone, soon, pause)) = store.upgrade().map(|store| {
                    let soon = store.look();
                    store.tend_members();
                    let alone = !store.ticking.load(Ordering::Relaxed);
                    let heartbeat = store.config.cluster.heartbeat_interval;
                    (alone, soon, if soon { heartbeat.min(pause) } else { pause })
                }) else {
                    return;
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = changes.changed() => if changed.is_err() { return },
                    // A leader that was just elected is about to be answered by a quorum.
                    changed = signs.changed(), if soon => if changed.is_err() { return },
                    () = tokio::time::sleep(pause), if !alone => {}
                }
            }
        });
    }

    /// Who leads, and news of it.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// The leader, `None` while there is none or none is heard from.
    pub fn leader(&self) -> Option<u64> {
        self.leadership.borrow().leader
    }

    /// Whether this member leads, as far as it knows.
    pub fn is_leader(&self) -> bool {
        self.published.leads.load(Ordering::SeqCst)
    }

    /// Whether this member is a learner: it has the data, and no vote.
    pub fn is_learner(&self) -> bool {
        let membership = self.published.membership.load();
        let me = self.published.identity.member_id;
        let node = membership.membership().get_node(&me);
        node.is_some_and(|node| !node.joining)
            && !membership.voter_ids().collect::<BTreeSet<_>>().contains(&me)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);
    const LEASE: Duration = Duration::from_secs(1);
    const BETWEEN: Option<Duration> = Some(Duration::from_millis(1500));
    const QUICK: Option<Duration> = Some(Duration::from_millis(5));
    const SLOW: Option<Duration> = Some(Duration::from_secs(3));

    #[test]
    fn a_leader_counts_while_it_is_heard() {
        let facts = Facts {
            me: 1,
            term: 7,
            leader: None,
            alone: false,
            confirmed: None,
            heard: None,
            patience: PATIENCE,
            lease: LEASE,
        };
        let me = Facts { leader: Some(1), ..facts };
        let other = Facts { leader: Some(2), ..facts };
        let cases = [
            (facts, None),
            (Facts { alone: true, ..me }, Some(1)),
            (me, None),
            (Facts { confirmed: QUICK, ..me }, Some(1)),
            (Facts { confirmed: SLOW, ..me }, None),
            (Facts { confirmed: BETWEEN, ..me }, None),
            // What the others say is no confirmation.
            (Facts { heard: QUICK, ..me }, None),
            (other, None),
            (Facts { heard: QUICK, ..other }, Some(2)),
            (Facts { heard: BETWEEN, ..other }, Some(2)),
            (Facts { heard: SLOW, ..other }, None),
            (Facts { confirmed: QUICK, ..other }, None),
        ];
        for (facts, leader) in cases {
            let expected = Leadership { leader, term: 7, leads: leader == Some(1) };
            assert_eq!(judge(facts), expected, "{facts:?}");
        }
    }
}
