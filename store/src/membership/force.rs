//! `--force-new-cluster`: the data of a lost cluster, with one member.
//!
//! An entry that makes this member the only one is appended to its log before Raft starts, durable
//! as any other. So nothing else is rewritten: ids, data and all that the log holds stay, entries
//! of unknown fate among them, which the member commits now that nobody else has a say. As in etcd
//! this is for a cluster whose quorum is lost for good; other members that still run must not be
//! started again.

use std::collections::BTreeMap;
use std::io;

use openraft::EntryPayload;

use crate::config::Config;
use crate::raft::log::LogStore;
use crate::raft::types::{Entry, LogId, MemberNode, Membership, StoredMembership, log_id, term_of};

/// Makes `me` the only member of what `log` continues. `applied` is where the state stands, with the
/// membership there. Returns whether there was anything to do.
pub(crate) async fn stand_alone(
    log: &LogStore,
    applied: Option<LogId>,
    applied_membership: &StoredMembership,
    me: u64,
    config: &Config,
) -> io::Result<bool> {
    let (last, membership) = log.last_membership();
    let last = last.max(applied);
    let membership = membership.as_ref().unwrap_or(applied_membership.membership());
    let ids: Vec<u64> = membership.nodes().map(|(id, _)| *id).collect();
    if ids == [me] && membership.voter_ids().eq([me]) {
        return Ok(false);
    }
    let Some(last) = last else { return Ok(false) };
    tracing::warn!(
        members = ids.len(),
        "forcing a new cluster: this member is the only one from now on"
    );
    let known = membership.get_node(&me).cloned();
    let node = known.unwrap_or_else(|| MemberNode {
        name: config.name.clone(),
        peer_urls: config.peer_urls.clone(),
        client_urls: config.client_urls.clone(),
        joining: false,
    });
    let node = MemberNode { joining: false, ..node };
    let alone = Membership::new(vec![[me].into()], BTreeMap::from([(me, node)]))
        .map_err(io::Error::other)?;
    // Of the term of the last entry: a later one is of whoever is elected next, which this member
    // is, alone.
    let entry = Entry {
        log_id: log_id(term_of(&last), last.index + 1),
        payload: EntryPayload::Membership(alone),
    };
    log.append_durably(entry).await?;
    Ok(true)
}
