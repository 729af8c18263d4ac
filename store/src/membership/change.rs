//! Changes of members, made on the leader, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use store_proto::peer as pb;
use store_proto::peer::change_members::Change;
use store_proto::peer::question::Question;
use tokio::time::Instant;

use super::refusal::Refusal;
use super::rules::{self, Limits, View};
use crate::Embedded;
use crate::error::Error;
use crate::raft::tuning::longest_election_timeout;
use crate::raft::types::{MemberNode, Membership};

/// Pause while Raft is busy with a change before.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// How often a removed member is told so, and how long each time.
const FAREWELLS: usize = 3;
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);

type Members = ChangeMembers<u64, MemberNode>;

/// What the leader knows when it decides on a change.
struct Known {
    membership: Arc<crate::raft::types::StoredMembership>,
    heard: BTreeSet<u64>,
    matched: BTreeMap<u64, Option<u64>>,
    last: u64,
}

/// One more change under way until dropped.
struct Changing<'a>(&'a Embedded);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.changing.fetch_sub(1, Ordering::SeqCst);
        // A member that is alone again hears nothing else that would have it look.
        self.0.look();
    }
}

impl Embedded {
    /// As the metrics tell, which lag a little.
    fn know(&self) -> Known {
        let patience = longest_election_timeout(&self.config.cluster);
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let heard = metrics.heartbeat.iter().flatten().filter(|(_, acked)| {
            acked.is_some_and(|acked| openraft::Instant::elapsed(&*acked) <= patience)
        });
        let matched = metrics.replication.iter().flatten();
        Known {
            membership: Arc::clone(&metrics.membership_config),
            heard: heard.map(|(id, _)| *id).collect(),
            matched: matched
                .map(|(id, matched)| (*id, matched.as_ref().map(|log_id| log_id.index)))
                .collect(),
            last: metrics.last_log_index.unwrap_or(0),
        }
    }

    /// Whether a member answered this one, which leads, lately.
    #[cfg(test)]
    pub(crate) fn hears(&self, id: u64) -> bool {
        self.know().heard.contains(&id)
    }

    /// Makes a change, if this member leads and the change is taken. Returns the index that must
    /// be applied to see it.
    pub(crate) async fn change_members_here(
        &self,
        change: pb::ChangeMembers,
    ) -> Result<u64, Error> {
        let start = Instant::now();
        let change = change.change.ok_or(Error::Membership(Refusal::NotFound))?;
        let making = self.make_change(change, start);
        let outcome = tokio::time::timeout_at(start + self.request_timeout(), making).await;
        outcome.unwrap_or_else(|_| Err(self.timed_out(start)))
    }

    async fn make_change(&self, change: Change, start: Instant) -> Result<u64, Error> {
        let _one_at_a_time = self.changes.lock().await;
        if !self.is_leader() {
            return Err(Error::Membership(Refusal::NotLeader));
        }
        // Before another member can matter, reads stop believing that there is none.
        self.changing.fetch_add(1, Ordering::SeqCst);
        let _changing = Changing(self);
        self.published.alone.store(false, Ordering::SeqCst);
        loop {
            let mut known = self.know();
            // What is in force now, which the metrics may not show yet.
            let effective =
                self.raft.with_raft_state(|state| Arc::clone(state.membership_state.effective()));
            known.membership = effective.await.map_err(|fatal| self.fail(fatal.to_string()))?;
            let me = self.published.identity.member_id;
            let heard = known.heard.clone();
            let limits = Limits {
                strict: self.config.cluster.strict_reconfig,
                max_learners: self.config.cluster.max_learners,
            };
            let view = View { membership: known.membership.membership(), me, heard, limits };
            let Some(members) = decide(&change, &view, &known)? else {
                return Ok(known.membership.log_id().as_ref().map_or(0, |log_id| log_id.index));
            };
            let farewell = match &change {
                Change::Remove(id) if *id != me => Some(self.links.to(*id, &[])),
                _ => None,
            };
            match self.raft.change_membership(members, false).await {
                Ok(response) => {
                    self.changed.fetch_max(response.log_id.index, Ordering::SeqCst);
                    if let (Some(link), Change::Remove(_)) = (farewell, &change) {
                        self.tell_removed(link, response.log_id.index);
                    }
                    return Ok(response.log_id.index);
                }
                Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(
                    ChangeMembershipError::InProgress(_)
                    | ChangeMembershipError::UncommittedLeaderLog(_),
                ))) => tokio::time::sleep(BUSY_PAUSE).await,
                Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => {
                    return Err(Error::Membership(Refusal::NotLeader));
                }
                Err(RaftError::APIError(error)) => {
                    tracing::warn!(%error, "a change of members has an unknown outcome");
                    return Err(self.timed_out(start));
                }
                Err(RaftError::Fatal(fatal)) => return Err(self.fail(fatal.to_string())),
            }
        }
    }

    /// Tells a member that it was removed. It may be down: then it learns it when it comes back
    /// and stands for election.
    fn tell_removed(&self, link: crate::peer::Link, index: u64) {
        tokio::spawn(async move {
            for _ in 0..FAREWELLS {
                let question = Question::Removed(pb::Removed { index });
                let asking = link.peer.ask(link.card, crate::peer::wire::question(question));
                match tokio::time::timeout(FAREWELL_PATIENCE, asking).await {
                    Ok(Ok(_)) => return,
                    Ok(Err(_)) => tokio::time::sleep(FAREWELL_PATIENCE).await,
                    Err(_) => {}
                }
            }
        });
    }

    /// Makes voters of the members that have joined.
    pub(crate) fn tend_members(self: &Arc<Self>) {
        if !self.is_leader() {
            return;
        }
        let known = self.know();
        let joined = known.membership.nodes().find(|(id, node)| {
            let matched = known.matched.get(id).copied().flatten();
            node.joining && rules::has_joined(matched, known.last)
        });
        let Some((id, _)) = joined else { return };
        let (id, store) = (*id, Arc::clone(self));
        if self.promoting.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::spawn(async move {
            let change = pb::ChangeMembers { change: Some(Change::Promote(id)) };
            match store.change_members_here(change).await {
                Ok(_) => tracing::info!(member = format_args!("{id:x}"), "a member has joined"),
                Err(error) => tracing::warn!(%error, "a member that is in sync cannot join yet"),
            }
            store.promoting.store(false, Ordering::SeqCst);
        });
    }
}

/// What to ask of Raft for a change; nothing where all is so already.
fn decide(change: &Change, view: &View<'_>, known: &Known) -> Result<Option<Members>, Refusal> {
    let node = |id: &u64| view.membership.get_node(id).cloned();
    Ok(Some(match change {
        Change::Add(pb::AddMember { id, peer_urls, is_learner }) => {
            rules::may_add(view, *id, peer_urls, *is_learner)?;
            let node = MemberNode {
                peer_urls: peer_urls.clone(),
                joining: !is_learner,
                ..MemberNode::default()
            };
            Members::AddNodes([(*id, node)].into())
        }
        Change::Remove(id) => {
            rules::may_remove(view, *id)?;
            if is_voter(view.membership, *id) {
                Members::RemoveVoters([*id].into())
            } else if node(id).is_some() {
                Members::RemoveNodes([*id].into())
            } else {
                return Err(Refusal::NotFound);
            }
        }
        Change::Update(pb::UpdateMember { id, peer_urls }) => {
            rules::may_update(view, *id, peer_urls)?;
            let node = node(id).ok_or(Refusal::NotFound)?;
            let node = MemberNode { peer_urls: peer_urls.clone(), ..node };
            Members::SetNodes([(*id, node)].into())
        }
        Change::Promote(id) => {
            let node = node(id).ok_or(Refusal::NotFound)?;
            if !node.joining {
                let matched = known.matched.get(id).copied().flatten();
                rules::may_promote(view, *id, matched, known.last)?;
            } else if is_voter(view.membership, *id) {
                return Ok(None);
            }
            let node = MemberNode { joining: false, ..node };
            Members::Batch(vec![
                Members::SetNodes([(*id, node)].into()),
                Members::AddVoterIds([*id].into()),
            ])
        }
        Change::Publish(pb::PublishMember { id, name, client_urls }) => {
            let before = node(id).ok_or(Refusal::NotFound)?;
            let node = MemberNode {
                name: name.clone(),
                client_urls: client_urls.clone(),
                ..before.clone()
            };
            if node == before {
                return Ok(None);
            }
            Members::SetNodes([(*id, node)].into())
        }
    }))
}

fn is_voter(membership: &Membership, id: u64) -> bool {
    membership.voter_ids().any(|voter| voter == id)
}
