//! Which changes of members are taken. Pure: what is known of the cluster goes in.

use std::collections::BTreeSet;

use super::refusal::Refusal;
use crate::raft::types::{MemberNode, Membership};

/// A learner is in sync when its log has this part of the leader's, as in etcd.
const READY_PERCENT: u64 = 90;

/// A member that joins becomes a voter when it lacks no more entries than this: it gets there
/// while others write.
const JOINED_LAG: u64 = 500;

/// A cluster as seen by its leader.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub membership: &'a Membership,
    pub me: u64,
    /// Who answered the leader lately, itself aside.
    pub heard: BTreeSet<u64>,
    pub limits: Limits,
}

/// What an operator sets of the changes that are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Refuse what would cost the quorum: etcd's `--strict-reconfig-check`.
    pub strict: bool,
    pub max_learners: usize,
}

impl View<'_> {
    fn node(&self, id: u64) -> Option<&MemberNode> {
        self.membership.get_node(&id)
    }

    /// As clients see it: whoever will be a voter is one.
    pub fn is_learner(&self, id: u64) -> bool {
        self.node(id).is_some_and(|node| !node.joining)
            && !self.membership.voter_ids().any(|voter| voter == id)
    }

    fn voters(&self) -> impl Iterator<Item = (u64, &MemberNode)> {
        let nodes = self.membership.nodes().map(|(id, node)| (*id, node));
        nodes.filter(|(id, _)| !self.is_learner(*id))
    }

    fn started(&self, skip: Option<u64>) -> usize {
        let voters = self.voters().filter(|(id, _)| Some(*id) != skip);
        voters.filter(|(_, node)| !node.name.is_empty()).count()
    }

    fn connected(&self) -> usize {
        self.voters().filter(|(id, _)| *id == self.me || self.heard.contains(id)).count()
    }

    fn uses_urls(&self, urls: &[String], skip: Option<u64>) -> bool {
        let nodes = self.membership.nodes().filter(|(id, _)| Some(**id) != skip);
        nodes.flat_map(|(_, node)| &node.peer_urls).any(|url| urls.contains(url))
    }
}

fn quorum(members: usize) -> usize {
    members / 2 + 1
}

/// Whether a member may be added.
pub(super) fn may_add(
    view: &View<'_>,
    id: u64,
    urls: &[String],
    learner: bool,
) -> Result<(), Refusal> {
    let voters = view.voters().count();
    let started = view.started(None);
    // With one member there is no other way to get a second.
    let first = started == 1 && voters == 1;
    let strict = view.limits.strict;
    if strict && !learner && !first && started < quorum(voters + 1) {
        return Err(Refusal::NotEnoughStarted);
    }
    if strict && voters != 1 && view.connected() < quorum(voters + 1) {
        return Err(Refusal::Unhealthy);
    }
    if view.node(id).is_some() {
        return Err(Refusal::IdExists);
    }
    if view.uses_urls(urls, None) {
        return Err(Refusal::PeerUrlExists);
    }
    let ids = view.membership.nodes().map(|(id, _)| *id);
    if learner && ids.filter(|id| view.is_learner(*id)).count() >= view.limits.max_learners {
        return Err(Refusal::TooManyLearners);
    }
    Ok(())
}

/// Whether a member may be removed.
pub(super) fn may_remove(view: &View<'_>, id: u64) -> Result<(), Refusal> {
    if view.is_learner(id) {
        return Ok(());
    }
    let voters = view.voters().count();
    let left = view.voters().filter(|(voter, _)| *voter != id).count();
    if view.limits.strict && view.started(Some(id)) < quorum(left) {
        return Err(Refusal::NotEnoughStarted);
    }
    if view.node(id).is_none() {
        return Err(Refusal::NotFound);
    }
    if !view.limits.strict {
        return Ok(());
    }
    // Who is down is missed by nobody.
    let is_down = id != view.me && !view.heard.contains(&id);
    if !is_down && view.connected() - 1 < 1 + (voters - 1) / 2 {
        return Err(Refusal::Unhealthy);
    }
    Ok(())
}

/// Whether a member may have other peer URLs.
pub(super) fn may_update(view: &View<'_>, id: u64, urls: &[String]) -> Result<(), Refusal> {
    if view.node(id).is_none() {
        return Err(Refusal::NotFound);
    }
    if view.uses_urls(urls, Some(id)) {
        return Err(Refusal::PeerUrlExists);
    }
    Ok(())
}

/// Whether a learner whose log agrees up to `matched` may become a voter.
pub(super) fn may_promote(
    view: &View<'_>,
    id: u64,
    matched: Option<u64>,
    last: u64,
) -> Result<(), Refusal> {
    if view.node(id).is_none() {
        return Err(Refusal::NotFound);
    }
    if !view.is_learner(id) {
        return Err(Refusal::NotLearner);
    }
    if matched.unwrap_or(0).saturating_mul(100) < last.saturating_mul(READY_PERCENT) {
        return Err(Refusal::LearnerNotReady);
    }
    // The learner counts, and as started.
    if view.limits.strict && view.started(None) + 1 < quorum(view.voters().count() + 1) {
        return Err(Refusal::NotEnoughStarted);
    }
    Ok(())
}

/// Whether a member that joins is in sync.
pub(super) fn has_joined(matched: Option<u64>, last: u64) -> bool {
    matched.is_some_and(|matched| last.saturating_sub(matched) <= JOINED_LAG)
}

/// Peer URLs as etcd takes them, sorted.
pub(super) fn peer_urls(urls: &[String]) -> Result<Vec<String>, Refusal> {
    if urls.is_empty() {
        return Err(Refusal::BadUrls);
    }
    let mut sorted: Vec<String> =
        urls.iter().map(|url| peer_url(url.trim())).collect::<Result<_, _>>()?;
    sorted.sort_unstable();
    Ok(sorted)
}

fn peer_url(url: &str) -> Result<String, Refusal> {
    let parsed: http::Uri = url.parse().map_err(|_| Refusal::BadUrls)?;
    match parsed.scheme_str() {
        Some("http" | "https") => {}
        // Members of ours do not reach each other over Unix sockets.
        _ => return Err(Refusal::BadUrls),
    }
    let has_path = url.splitn(4, '/').nth(3).is_some();
    if parsed.port_u16().is_none() || has_path {
        return Err(Refusal::BadUrls);
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(id: u64) -> String {
        format!("http://10.0.0.{id}:2380")
    }

    fn node(id: u64, name: &str, joining: bool) -> MemberNode {
        MemberNode { name: name.into(), peer_urls: vec![url(id)], client_urls: Vec::new(), joining }
    }

    /// Voters 1.. of which the first `started` are; learners and joining members have their ids.
    fn membership(
        voters: u64,
        started: u64,
        learner: Option<u64>,
        joins: Option<u64>,
    ) -> Membership {
        let name = |id| if id <= started { "started" } else { "" };
        let nodes = (1..=voters).map(|id| (id, node(id, name(id), false)));
        let nodes = nodes
            .chain(learner.map(|id| (id, node(id, "learner", false))))
            .chain(joins.map(|id| (id, node(id, "", true))));
        let nodes = nodes.collect::<std::collections::BTreeMap<_, _>>();
        Membership::new(vec![(1..=voters).collect()], nodes).expect("every voter has a node")
    }

    fn view(membership: &Membership, heard: &[u64]) -> View<'static> {
        let membership: &'static Membership = Box::leak(Box::new(membership.clone()));
        let limits = Limits { strict: true, max_learners: 1 };
        View { membership, me: 1, heard: heard.iter().copied().collect(), limits }
    }

    #[test]
    fn adding_follows_etcd() {
        let alone = membership(1, 1, None, None);
        let three = membership(3, 3, None, None);
        let two_of_three = membership(3, 2, None, None);
        let one_of_three = membership(3, 1, None, None);
        let with_learner = membership(3, 3, Some(7), None);
        let with_joining = membership(1, 1, None, Some(2));
        let cases = [
            (view(&alone, &[]), 9, false, Ok(())),
            (view(&alone, &[]), 9, true, Ok(())),
            (view(&three, &[2, 3]), 9, false, Ok(())),
            // Three of four must be connected.
            (view(&three, &[2]), 9, false, Err(Refusal::Unhealthy)),
            (view(&three, &[2]), 9, true, Err(Refusal::Unhealthy)),
            (view(&two_of_three, &[2, 3]), 9, false, Err(Refusal::NotEnoughStarted)),
            (view(&one_of_three, &[2, 3]), 9, true, Ok(())),
            (view(&three, &[2, 3]), 3, false, Err(Refusal::PeerUrlExists)),
            (view(&with_learner, &[2, 3]), 9, true, Err(Refusal::TooManyLearners)),
            (view(&with_learner, &[2, 3]), 9, false, Ok(())),
            // The one that is being added counts, and has not started.
            (view(&with_joining, &[]), 9, false, Err(Refusal::NotEnoughStarted)),
        ];
        for (at, (view, number, learner, expected)) in cases.into_iter().enumerate() {
            let outcome = may_add(&view, 1000 + number, &[url(number)], learner);
            assert_eq!(outcome, expected, "case {at}");
        }
        let same = may_add(&view(&three, &[2, 3]), 3, &[url(9)], false);
        assert_eq!(same, Err(Refusal::IdExists));
    }

    #[test]
    fn without_the_strict_check_the_quorum_may_go() {
        let three = membership(3, 2, Some(7), None);
        let limits = Limits { strict: false, max_learners: 2 };
        let lax = View { limits, ..view(&three, &[]) };
        assert_eq!(may_add(&lax, 1009, &[url(9)], false), Ok(()));
        assert_eq!(may_add(&lax, 1009, &[url(9)], true), Ok(()));
        assert_eq!(may_remove(&lax, 2), Ok(()));
        assert_eq!(may_remove(&lax, 9), Err(Refusal::NotFound));
        assert_eq!(may_promote(&lax, 7, Some(100), 100), Ok(()));
    }

    #[test]
    fn removing_follows_etcd() {
        let alone = membership(1, 1, None, None);
        let three = membership(3, 3, None, None);
        let two_of_three = membership(3, 2, None, None);
        let with_learner = membership(1, 1, Some(7), None);
        let with_joining = membership(1, 1, None, Some(2));
        let cases = [
            (view(&alone, &[]), 1, Err(Refusal::NotEnoughStarted)),
            (view(&three, &[2, 3]), 3, Ok(())),
            // One is down, and may go; the others may not.
            (view(&three, &[2]), 3, Ok(())),
            (view(&three, &[2]), 2, Err(Refusal::Unhealthy)),
            (view(&three, &[2]), 1, Err(Refusal::Unhealthy)),
            (view(&three, &[2, 3]), 9, Err(Refusal::NotFound)),
            (view(&two_of_three, &[2, 3]), 2, Err(Refusal::NotEnoughStarted)),
            (view(&two_of_three, &[2]), 3, Ok(())),
            (view(&with_learner, &[]), 7, Ok(())),
            (view(&with_joining, &[]), 2, Ok(())),
        ];
        for (at, (view, id, expected)) in cases.into_iter().enumerate() {
            assert_eq!(may_remove(&view, id), expected, "case {at}");
        }
    }

    #[test]
    fn promoting_follows_etcd() {
        let with_learner = membership(3, 3, Some(7), None);
        let unstarted = membership(3, 1, Some(7), None);
        let cases = [
            (&with_learner, 7, Some(90), Ok(())),
            (&with_learner, 7, Some(89), Err(Refusal::LearnerNotReady)),
            (&with_learner, 7, None, Err(Refusal::LearnerNotReady)),
            (&with_learner, 2, Some(100), Err(Refusal::NotLearner)),
            (&with_learner, 9, Some(100), Err(Refusal::NotFound)),
            (&unstarted, 7, Some(100), Err(Refusal::NotEnoughStarted)),
        ];
        for (membership, id, matched, expected) in cases {
            assert_eq!(may_promote(&view(membership, &[2, 3]), id, matched, 100), expected);
        }
    }

    #[test]
    fn updating_follows_etcd() {
        let three = membership(3, 3, None, None);
        let view = view(&three, &[2, 3]);
        assert_eq!(may_update(&view, 2, &[url(9)]), Ok(()));
        assert_eq!(may_update(&view, 2, &[url(2)]), Ok(()));
        assert_eq!(may_update(&view, 2, &[url(3)]), Err(Refusal::PeerUrlExists));
        assert_eq!(may_update(&view, 9, &[url(9)]), Err(Refusal::NotFound));
    }

    #[test]
    fn peer_urls_are_sorted_and_checked() {
        let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let sorted = peer_urls(&owned(&["https://b:2380", " http://a:1 "]));
        assert_eq!(sorted, Ok(owned(&["http://a:1", "https://b:2380"])));
        assert_eq!(peer_urls(&owned(&["https://[::1]:2380"])), Ok(owned(&["https://[::1]:2380"])));
        for bad in ["", "a:2380", "http://a", "http://a:1/", "http://a:1/path", "ftp://a:1"] {
            assert_eq!(peer_urls(&owned(&[bad])), Err(Refusal::BadUrls), "{bad}");
        }
        assert_eq!(peer_urls(&[]), Err(Refusal::BadUrls));
    }
}
