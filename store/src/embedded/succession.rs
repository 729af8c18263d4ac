//! How a leader whose process has ended is succeeded, long before its silence would tell.
//!
//! When a process ends, however it ends, its kernel closes its connections and refuses whoever
//! knocks at its port. Its followers see the one, and try the other:
//!
//! ```text
//!  appends end ─► does its port refuse? ─no─► nothing: it lives, or nobody can tell
//!                        │yes
//!                        └─► this member gives up its lease ─► waits its turn ─► asks for pre-votes
//! ```
//!
//! This proves nothing, and need not. All that is given up early is the lease, which keeps members
//! from voting while their leader is well; nothing is read by its grace. A pre-vote changes nothing
//! where it is asked, and is granted only by those who gave up their own lease or lost patience: a
//! member that is mistaken alone disturbs nobody, and a majority that cannot reach its leader is
//! right to elect another. A leader that is out of reach, or stopped, refuses nothing: it is
//! succeeded after the usual time ([`tuning`](crate::raft::tuning)).
//!
//! Members take turns by their ids, so that two do not part the votes between them.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::TransferLeaderRequest;

use super::Embedded;
use crate::care;
use crate::raft::types::Vote;

/// How often a port is tried, and the pause between: a process that ends closes its connections a
/// moment before or after its port.
const KNOCKS: usize = 5;
const KNOCK_PAUSE: Duration = Duration::from_millis(10);

/// How often each member asks for pre-votes, before it leaves the rest to Raft's clock. Others may
/// not have seen yet what it saw, and a member with a shorter log asks in vain.
const ROUNDS: u32 = 3;

/// When member `me` asks in `round`, in turns after it gave up its lease: half a turn first, in
/// which the others come to see the same.
fn turn(me: u64, others: &[u64], round: u32) -> f64 {
    let rank = others.iter().filter(|other| **other < me).count();
    let everyone = others.len() + 1;
    0.5 + rank as f64 + f64::from(round) * everyone as f64
}

impl Embedded {
    /// Watches for the end of the leader's process.
    pub(super) fn start_succession(self: &Arc<Self>) {
        if !self.config.cluster.pre_vote {
            // An election that nobody was asked about first would disturb a leader that lives.
            return;
        }
        let mut endings = self.contact.endings();
        let store = Arc::downgrade(self);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    ended = endings.changed() => if ended.is_err() { return },
                }
                let Some(leader) = *endings.borrow_and_update() else { continue };
                let Some(store) = store.upgrade() else { return };
                let succeeding = async {
                    if let Some(vote) = store.follows(leader)
                        && store.has_ended(leader).await
                    {
                        store.succeed(leader, vote).await;
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = succeeding => {}
                }
            }
        });
    }

    /// The vote by which this member, which has one itself, follows `leader`.
    pub(crate) fn follows(&self, leader: u64) -> Option<Vote> {
        let me = self.published.identity.member_id;
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let votes = metrics.membership_config.voter_ids().any(|id| id == me);
        let follows = metrics.current_leader == Some(leader) && leader != me && votes;
        follows.then(|| metrics.vote.clone())
    }

    /// Whether nobody is where `leader` was, and nothing came from it meanwhile.
    async fn has_ended(&self, leader: u64) -> bool {
        let heard = self.contact.heard(leader);
        let peer = self.links.to(leader, &[]).peer;
        for _ in 0..KNOCKS {
            if peer.refuses().await {
                return self.contact.heard(leader) == heard;
            }
            tokio::time::sleep(KNOCK_PAUSE).await;
        }
        false
    }

    /// Gives up the lease of `leader`, which led by `vote`, and stands in its place as often as it
    /// is this member's turn, until there is another.
    pub(crate) async fn succeed(&self, leader: u64, vote: Vote) {
        tracing::info!(leader = format_args!("{leader:x}"), "the leader's process has ended");
        // What a leader says that goes in order; addressed to itself, so that nobody is forced on
        // the others.
        let farewell = TransferLeaderRequest::new(vote.clone(), leader, None);
        if self.raft.handle_transfer_leader(farewell).await.is_err() {
            return; // The core has ended, and has said why.
        }
        let me = self.published.identity.member_id;
        let others: Vec<u64> = {
            let membership =
                Arc::clone(&self.raft.server_metrics().borrow_watched().membership_config);
            membership.voter_ids().filter(|id| ![me, leader].contains(id)).collect()
        };
        // Set to about a round trip, by etcd's advice as well.
        let length = self.config.cluster.heartbeat_interval;
        let began = tokio::time::Instant::now();
        for round in 0..ROUNDS {
            tokio::time::sleep_until(began + length.mul_f64(turn(me, &others, round))).await;
            if self.follows(leader).as_ref() != Some(&vote) || care::disk_stalls(self) {
                return;
            }
            if self.raft.trigger().elect(true).await.is_err() {
                return; // The core has ended, and has said why.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_members_have_the_same_turn() {
        let members = [3, 7, 9, 12];
        let mut turns = Vec::new();
        for me in members {
            let others: Vec<u64> = members.into_iter().filter(|other| *other != me).collect();
            turns.extend((0..ROUNDS).map(|round| turn(me, &others, round)));
        }
        turns.sort_by(f64::total_cmp);
        assert_eq!(turns.first(), Some(&0.5));
        assert!(turns.windows(2).all(|pair| pair[1] - pair[0] >= 1.0), "{turns:?}");
    }
}
