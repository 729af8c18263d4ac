//! After the storm: the cluster must serve again, everywhere, within a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::KeyRange;

use super::clients::{Desk, ask};
use super::member::{Member, Seen};
use super::network::{MILLI, Nanos};
use super::watchers::follow_to;
use crate::history::{Body, Outcome, Put, Range, Request, Response};

/// Simulated time in which a cluster without faults must serve at every member: some election
/// timeouts, a request timeout for what the storm left hanging, and a snapshot for who fell behind.
pub const BOUND: Nanos = 30_000 * MILLI;
/// How long one probe may take.
const PATIENCE: Duration = Duration::from_millis(2000);
const PAUSE: Duration = Duration::from_millis(50);

/// Clients with numbers of their own.
const PROBER: u64 = 900;
const CLOSER: u64 = 901;

/// Why the cluster does not serve everywhere yet; `None` when it does.
pub fn lacks(members: &[Member]) -> Option<String> {
    let facts: Vec<_> =
        members.iter().filter_map(|member| Some((member, member.facts()?))).collect();
    let Some((_, leader)) = facts.iter().find(|(_, facts)| facts.leads) else {
        return Some("nobody leads".into());
    };
    for member in members.iter().filter(|member| !member.removed) {
        let Some(facts) = member.facts() else {
            if member.founder {
                return Some(format!("{} does not run: {:?}", member.name, member.seen()));
            }
            continue; // It was added and may never have become part of the cluster.
        };
        if !leader.voters.contains(&facts.member_id) {
            continue;
        }
        if facts.applied_index < leader.applied_index {
            return Some(format!(
                "{} has applied {} of {}",
                member.name, facts.applied_index, leader.applied_index
            ));
        }
    }
    None
}

/// Has every member that is to serve take a write.
pub async fn probe(desk: Desk, members: Vec<(String, String)>, served: Arc<AtomicBool>) {
    let mut number = 0;
    for (name, url) in members {
        // One whose removal was under way when the storm ended need not serve.
        while desk.has(&name) {
            number += 1;
            let put =
                Put { key: "probe".into(), value: format!("probe{number}"), ..Put::default() };
            let request = Request::Put(put);
            let op = desk.recorder.invoke(PROBER, name.clone(), request.clone());
            let outcome = ask(&desk.wires, PROBER, &url, request, PATIENCE).await;
            let done = matches!(outcome, Outcome::Done(_));
            desk.recorder.returned(op, outcome);
            if done {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    served.store(true, Ordering::SeqCst);
}

/// Reads everything at every member, and follows all events to the end at one.
pub async fn close(desk: Desk, members: Vec<(String, String)>, closed: Arc<AtomicBool>) {
    let mut last = 0;
    for (name, url) in &members {
        while desk.has(name) {
            let all = "\0".to_owned();
            let range = Range { key: all.clone(), end: Some(all), ..Range::default() };
            let request = Request::Range(range);
            let op = desk.recorder.invoke(CLOSER, name.clone(), request.clone());
            let outcome = ask(&desk.wires, CLOSER, url, request, PATIENCE).await;
            let revision = match &outcome {
                Outcome::Done(Response { revision, body: Body::Range { .. } }) => Some(*revision),
                _ => None,
            };
            desk.recorder.returned(op, outcome);
            if let Some(revision) = revision {
                last = revision;
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    let range = KeyRange::prefix("");
    for (name, url) in members.iter().filter(|(name, _)| desk.has(name)) {
        follow_to(&desk, CLOSER, (name, url), &range, last).await;
    }
    closed.store(true, Ordering::SeqCst);
}

/// Members that are to serve: those that run and have a vote.
pub fn serving(members: &[Member]) -> Vec<(String, String)> {
    let voters: Vec<u64> = members
        .iter()
        .filter_map(Member::facts)
        .find(|facts| facts.leads)
        .map(|facts| facts.voters)
        .unwrap_or_default();
    let serves = |member: &&Member| {
        member.seen() == Seen::Running
            && member.facts().is_some_and(|facts| voters.contains(&facts.member_id))
    };
    members.iter().filter(serves).map(|member| (member.name.clone(), member.url.clone())).collect()
}
