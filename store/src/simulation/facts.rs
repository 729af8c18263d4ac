//! A member's Raft state, laid open.

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{EntryPayload, ServerState};

use crate::Embedded;
use crate::raft::types::{Entry, Proposal, term_of};

/// What a member holds true at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub member_id: u64,
    pub term: u64,
    /// Whether it leads in that term, by its own word.
    pub leads: bool,
    pub last_log_index: u64,
    pub applied_index: u64,
    pub revision: i64,
    pub compacted: i64,
    /// Voters of the membership that it has applied.
    pub voters: Vec<u64>,
}

/// An entry of a member's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedEntry {
    pub term: u64,
    pub index: u64,
    /// The same checksum as [`super::Applied`] has.
    pub entry: u32,
}

/// The checksum of an entry's content.
pub(crate) fn checksum(
    payload: &EntryPayload<Proposal, u64, crate::raft::types::MemberNode>,
) -> u32 {
    match payload {
        EntryPayload::Blank => 0,
        EntryPayload::Normal(Proposal(command)) => crc32c::crc32c(command),
        EntryPayload::Membership(membership) => {
            let text = serde_json::to_vec(membership).expect("a membership is plain data");
            crc32c::crc32c(&text)
        }
    }
}

impl Embedded {
    /// This member's state at this moment.
    pub fn facts(&self) -> Facts {
        let (term, leads, last_log_index) = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            let leads = metrics.state == ServerState::Leader;
            (metrics.current_term, leads, metrics.last_log_index.unwrap_or(0))
        };
        let state = self.published.state.load();
        Facts {
            member_id: self.published.identity.member_id,
            term,
            leads,
            last_log_index,
            applied_index: self.published.applied_index(),
            revision: state.revision,
            compacted: state.compacted,
            voters: self.published.membership.load().voter_ids().collect(),
        }
    }

    /// The entries that this member's log holds from `index` on.
    pub fn logged_from(&self, index: u64) -> Vec<LoggedEntry> {
        let entry = |entry: &Entry| LoggedEntry {
            term: term_of(&entry.log_id),
            index: entry.log_id.index,
            entry: checksum(&entry.payload),
        };
        self.log.entries_since(index).iter().map(entry).collect()
    }
}
