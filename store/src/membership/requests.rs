//! Requests about members, on any member: to the leader if there is need, and answered from what
//! this member has applied then.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use store_proto::peer as pb;
use store_proto::peer::change_members::Change;
use store_proto::peer::question::Question;
use tokio::time::Instant;

use super::refusal::Refusal;
use super::{ids, rules};
use crate::error::Error;
use crate::peer::wire::expect_answer;
use crate::raft::types::MemberNode;
use crate::{Embedded, Leadership, Member};

/// Pause before the next try after a member refused that should have led.
const NOT_LEADER_PAUSE: Duration = Duration::from_millis(50);

impl Embedded {
    /// The members as this one knows them.
    pub fn known_members(&self) -> Vec<Member> {
        let membership = self.published.membership.load();
        let voters: Vec<u64> = membership.voter_ids().collect();
        let member = |(id, node): (&u64, &MemberNode)| Member {
            id: *id,
            name: node.name.clone(),
            peer_urls: node.peer_urls.clone(),
            client_urls: node.client_urls.clone(),
            is_learner: !voters.contains(id) && !node.joining,
        };
        membership.nodes().map(member).collect()
    }

    /// Adds a member and returns it with all. It starts with `--initial-cluster-state existing`.
    pub async fn member_add(
        &self,
        peer_urls: &[String],
        is_learner: bool,
    ) -> Result<(Member, Vec<Member>), Error> {
        let peer_urls = rules::peer_urls(peer_urls)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = ids::member_id(&peer_urls, "", Some(now.as_secs()));
        let add = pb::AddMember { id, peer_urls: peer_urls.clone(), is_learner };
        let members = self.change_members(Change::Add(add)).await?;
        let added = Member { id, peer_urls, is_learner, ..Member::default() };
        Ok((added, members))
    }

    /// Removes a member, which stops by itself when it learns it.
    pub async fn member_remove(&self, id: u64) -> Result<Vec<Member>, Error> {
        self.change_members(Change::Remove(id)).await
    }

    /// Gives a member other peer URLs.
    pub async fn member_update(&self, id: u64, peer_urls: &[String]) -> Result<Vec<Member>, Error> {
        let update = pb::UpdateMember { id, peer_urls: peer_urls.to_vec() };
        self.change_members(Change::Update(update)).await
    }

    /// Makes a voter of a learner that is in sync.
    pub async fn member_promote(&self, id: u64) -> Result<Vec<Member>, Error> {
        self.change_members(Change::Promote(id)).await
    }

    /// The members; `linearizable` waits until this member knows every change acknowledged before.
    pub async fn member_list(&self, linearizable: bool) -> Result<Vec<Member>, Error> {
        self.check_running()?;
        if linearizable {
            self.linearize().await?;
        }
        Ok(self.known_members())
    }

    /// Hands leadership to another voter. Only the leader does this, as in etcd.
    pub async fn move_leader(&self, to: u64) -> Result<(), Error> {
        self.check_running()?;
        if !self.is_leader() {
            return Err(Refusal::NotLeader.into());
        }
        let members = self.known_members();
        if !members.iter().any(|member| member.id == to && !member.is_learner) {
            return Err(Refusal::BadTransferee.into());
        }
        let mut leadership = self.leadership();
        let trigger = async {
            // Asked again: a handover that meets a member which lags comes to nothing.
            loop {
                if self.is_leader() && self.raft.trigger().transfer_leader(to).await.is_err() {
                    return;
                }
                tokio::time::sleep(self.config.cluster.election_timeout).await;
            }
        };
        tokio::select! {
            led = leadership.wait_for(|now| now.leader == Some(to)) => {
                led.map(drop).map_err(|_| Error::Stopped)
            }
            () = trigger => Err(Error::Stopped),
            () = tokio::time::sleep(self.request_timeout()) => Err(Refusal::TransferTimedOut.into()),
        }
    }

    /// Tells the cluster this member's name and client URLs, unless it knows them.
    pub(crate) async fn publish(&self) -> Result<(), Error> {
        let id = self.published.identity.member_id;
        let known = self.known_members().into_iter().find(|member| member.id == id);
        let (name, client_urls) = (self.config.name.clone(), self.config.client_urls.clone());
        if known.is_some_and(|known| known.name == name && known.client_urls == client_urls) {
            return Ok(());
        }
        let publish = pb::PublishMember { id, name, client_urls };
        self.change_members(Change::Publish(publish)).await.map(drop)
    }

    /// Has the leader make a change, and returns the members once this one has applied it.
    async fn change_members(&self, change: Change) -> Result<Vec<Member>, Error> {
        self.check_running()?;
        let (start, stopping) = (Instant::now(), self.stopping());
        let me = self.published.identity.member_id;
        let changing = async {
            let leaves = change == Change::Remove(me);
            let index = self.change_members_somewhere(change).await?;
            if leaves {
                // Nobody sends it the end of its own removal.
                let others = self.known_members().into_iter().filter(|member| member.id != me);
                return Ok(others.collect());
            }
            self.published.applied(index).await;
            Ok(self.known_members())
        };
        tokio::select! {
            outcome = tokio::time::timeout_at(start + self.request_timeout(), changing) => {
                outcome.unwrap_or_else(|_| Err(self.timed_out(start)))
            }
            () = stopping.cancelled() => Err(Error::Stopped),
        }
    }

    async fn change_members_somewhere(&self, change: Change) -> Result<u64, Error> {
        let change = pb::ChangeMembers { change: Some(change) };
        loop {
            let Leadership { leader: Some(leader), leads, .. } = self.some_leader().await? else {
                continue;
            };
            let outcome = if leads {
                self.change_members_here(change.clone()).await
            } else {
                let question = Question::ChangeMembers(change.clone());
                let answer = self.links.ask(leader, question, self.request_timeout()).await;
                let answer = answer.and_then(|answer| expect_answer!(answer, ChangeMembers));
                answer.map(|answer| answer.index).map_err(crate::remote::from_status)
            };
            match outcome {
                // Refused before anything was done, so another may be asked.
                Err(Error::Membership(Refusal::NotLeader)) => {
                    tokio::time::sleep(NOT_LEADER_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}
