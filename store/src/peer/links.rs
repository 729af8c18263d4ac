//! The ways from this member to the others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use store_proto::peer as pb;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::card::{Card, says_removed};
use super::network::{Network, Peer};
use super::wire;
use crate::mvcc::Identity;
use crate::raft::types::StoredMembership;

/// Knows where every member is, by the membership in force, committed or not: a member that is
/// being added must be reached before the change is.
pub(crate) struct Links {
    network: Arc<dyn Network>,
    identity: Identity,
    state: Mutex<Known>,
    /// Becomes true when another member says that this one was removed.
    removed: watch::Sender<bool>,
}

#[derive(Default)]
struct Known {
    membership: Arc<StoredMembership>,
    peers: HashMap<u64, (Vec<String>, Arc<dyn Peer>)>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What a member shows of its standing: the index of the membership that it goes by, if it is in
/// it. One that joins reads memberships from before its time, and must not be taken for one that
/// was removed.
fn standing(membership: &StoredMembership, me: u64) -> u64 {
    match membership.log_id() {
        Some(log_id) if membership.membership().get_node(&me).is_some() => log_id.index,
        Some(_) | None => u64::MAX,
    }
}

/// A member within reach, and what to show it.
#[derive(Clone)]
pub(crate) struct Link {
    pub peer: Arc<dyn Peer>,
    pub card: Card,
}

impl Links {
    pub fn new(network: Arc<dyn Network>, identity: Identity) -> Self {
        Self { network, identity, state: Mutex::default(), removed: watch::Sender::new(false) }
    }

    /// Goes by another membership from now on.
    pub fn follow(&self, membership: Arc<StoredMembership>) {
        let mut known = self.state.lock().expect("no code panics while it holds the links");
        known.peers.retain(|id, (urls, _)| {
            membership.membership().get_node(id).is_some_and(|node| node.peer_urls == *urls)
        });
        known.membership = membership;
    }

    /// The link to a member. `urls` are used for one that the membership does not name yet.
    pub fn to(&self, id: u64, urls: &[String]) -> Link {
        let mut known = self.state.lock().expect("no code panics while it holds the links");
        let card = Card {
            cluster_id: self.identity.cluster_id,
            from: self.identity.member_id,
            to: id,
            membership: standing(&known.membership, self.identity.member_id),
        };
        let node = known.membership.membership().get_node(&id);
        let urls = node.map_or(urls, |node| &node.peer_urls).to_vec();
        let known_urls = known.peers.get(&id).filter(|(known, _)| *known == urls);
        let peer = known_urls.map(|(_, peer)| Arc::clone(peer)).unwrap_or_else(|| {
            let peer = self.network.peer(&urls);
            known.peers.insert(id, (urls, Arc::clone(&peer)));
            peer
        });
        Link { peer, card }
    }

    /// Asks a member and waits for its answer for `patience` at most.
    pub async fn ask(
        &self,
        id: u64,
        question: pb::question::Question,
        patience: Duration,
    ) -> Result<pb::Answer, Status> {
        let Link { peer, card } = self.to(id, &[]);
        let asking = peer.ask(card, wire::question(question));
        let answer = tokio::time::timeout(patience, asking)
            .await
            .unwrap_or_else(|_| Err(Status::new(Code::DeadlineExceeded, "the member is silent")));
        if let Err(status) = &answer {
            self.heed(status);
        }
        answer
    }

    /// Notes what a refusal says about this member itself.
    pub fn heed(&self, status: &Status) {
        if says_removed(status) {
            self.removed.send_replace(true);
        }
    }

    /// Notes that this member was removed, however it was learnt.
    pub fn note_removed(&self) {
        self.removed.send_replace(true);
    }

    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether this member has been told that it was removed.
    pub fn removed(&self) -> watch::Receiver<bool> {
        self.removed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::{MemberNode, Membership, log_id};

    #[test]
    fn only_who_belongs_shows_an_index() {
        let nodes = std::collections::BTreeMap::from([(1, MemberNode::default())]);
        let membership = Membership::new(vec![[1].into()], nodes).expect("the voter has a node");
        let stored = StoredMembership::new(Some(log_id(2, 7)), membership);
        assert_eq!(standing(&stored, 1), 7);
        assert_eq!(standing(&stored, 2), u64::MAX);
        assert_eq!(standing(&StoredMembership::default(), 1), u64::MAX);
    }
}
