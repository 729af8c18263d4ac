//! What a run comes to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::cluster::ELECTION_TIMEOUT;
use super::faults::{Failover, Kind};
use super::outages::Outage;
use crate::check::Verdict;
use crate::history::{Line, Outcome, Request, What};

/// Outages that are told one by one.
const OUTAGES_TOLD: usize = 10;

/// Requests by how they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    pub done: u64,
    pub refused: u64,
    /// Whether they were done, nobody was told.
    pub unknown: u64,
    /// All of them, by what was asked.
    pub by_kind: BTreeMap<&'static str, u64>,
}

/// A fault that was injected, held and healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub kind: Kind,
    pub what: String,
    /// Since the run began.
    pub at_ms: u64,
    pub took_ms: u64,
    /// From its end until all members were whole again.
    pub recovery_ms: u64,
}

/// How all members ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agreement {
    pub revision: i64,
    /// The hash of all keys at that revision, the same on all members.
    pub hash: u32,
    pub keys: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub members: usize,
    pub seconds: u64,
    pub operations: Operations,
    pub faults: Vec<Fault>,
    pub outages: Vec<Outage>,
    pub failovers: Vec<Failover>,
    pub failover_goal_ms: u64,
    /// `None`: it did not come to that.
    pub agreement: Option<Agreement>,
    /// What went wrong besides the history: members that did not recover or misbehaved.
    pub failure: Option<String>,
    pub verdict: Verdict,
    pub history: PathBuf,
    pub logs: Vec<PathBuf>,
}

impl Report {
    pub fn is_fine(&self) -> bool {
        self.failure.is_none() && self.verdict.is_fine()
    }
}

/// The goal: writes flow again within two election timeouts of a leader's death.
pub fn failover_goal_ms() -> u64 {
    u64::try_from(2 * ELECTION_TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}

pub fn operations(lines: &[Line]) -> Operations {
    let mut operations = Operations::default();
    let mut asked = 0;
    for line in lines {
        match &line.what {
            What::Invoke { request, .. } => {
                asked += 1;
                *operations.by_kind.entry(kind(request)).or_default() += 1;
            }
            What::Return { outcome: Outcome::Done(_), .. } => operations.done += 1,
            What::Return { outcome: Outcome::Refused(_), .. } => operations.refused += 1,
            What::Return { outcome: Outcome::Unknown(_), .. }
            | What::WatchOpened { .. }
            | What::WatchAnswered { .. }
            | What::WatchClosed { .. }
            | What::Fault { .. } => {}
        }
    }
    operations.unknown = asked - operations.done - operations.refused;
    operations
}

fn kind(request: &Request) -> &'static str {
    match request {
        Request::Range(_) => "range",
        Request::Put(_) => "put",
        Request::Delete(_) => "delete",
        Request::Txn(_) => "txn",
        Request::Compact { .. } => "compact",
        Request::LeaseGrant { .. } => "lease grant",
        Request::LeaseRevoke { .. } => "lease revoke",
        Request::LeaseKeepAlive { .. } => "lease keep-alive",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operations { done, refused, unknown, by_kind } = &self.operations;
        writeln!(f, "seed {}, {} members, {} s", self.seed, self.members, self.seconds)?;
        writeln!(f, "\noperations: {done} done, {refused} refused, {unknown} of unknown outcome")?;
        let kinds: Vec<String> =
            by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(f, "  {}", kinds.join(", "))?;
        writeln!(f, "\nfaults: {}", self.faults.len())?;
        for fault in &self.faults {
            let Fault { kind, what, at_ms, took_ms, recovery_ms } = fault;
            let at = at_ms / 1000;
            writeln!(
                f,
                "  {at:>5} s  {kind}: {what} ({took_ms} ms, whole {recovery_ms} ms later)"
            )?;
        }
        self.write_outages(f)?;
        self.write_failovers(f)?;
        match &self.agreement {
            Some(Agreement { revision, hash, keys }) => writeln!(
                f,
                "\nat the end all members have {keys} keys at revision {revision}, hash {hash:08x}"
            )?,
            None => writeln!(f, "\nthe members were not compared at the end")?,
        }
        writeln!(f, "\nhistory: {}", self.history.display())?;
        for log in &self.logs {
            writeln!(f, "log: {}", log.display())?;
        }
        if let Some(failure) = &self.failure {
            writeln!(f, "\nfailed: {failure}")?;
        }
        write!(f, "\nverdict: {}", self.verdict)
    }
}

impl Report {
    fn write_outages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.outages.iter().map(|outage| outage.length_ms).sum();
        let count = self.outages.len();
        writeln!(f, "\nwithout acknowledged writes: {count} times, {total} ms together")?;
        let mut longest: Vec<&Outage> = self.outages.iter().collect();
        longest.sort_by_key(|outage| std::cmp::Reverse(outage.length_ms));
        for outage in longest.into_iter().take(OUTAGES_TOLD) {
            let Outage { at_ms, length_ms, faults } = outage;
            let at = at_ms / 1000;
            writeln!(f, "  {at:>5} s  {length_ms} ms: {}", faults.join("; "))?;
        }
        Ok(())
    }

    fn write_failovers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times: Vec<u64> =
            self.failovers.iter().map(|failover| failover.writes_after_ms).collect();
        times.sort_unstable();
        let Some(longest) = times.last() else { return Ok(()) };
        let (median, goal) = (times[times.len() / 2], self.failover_goal_ms);
        let within = times.iter().filter(|time| **time <= goal).count();
        writeln!(
            f,
            "\nfail-over after a leader's kill: median {median} ms, longest {longest} ms; {within} of \
             {} within the goal of {goal} ms (two election timeouts)",
            times.len()
        )
    }
}
