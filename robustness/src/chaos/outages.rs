//! Times without acknowledged writes, as clients saw them.

use std::collections::HashSet;

use serde::Serialize;

use crate::history::{Line, Outcome, Request, What};

/// Clients that write all the time see no gap as long as this while all is well.
const SHORTEST_MS: u64 = 500;
const NANOSECONDS_PER_MS: u64 = 1_000_000;

/// A time in which no write was acknowledged to anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// Since the history began.
    pub at_ms: u64,
    pub length_ms: u64,
    /// What was done to the cluster in it, or else last before it.
    pub faults: Vec<String>,
}

/// The outages of a history, up to the last write that was asked for.
pub fn outages(lines: &[Line]) -> Vec<Outage> {
    let mut writes = HashSet::new();
    let mut outages = Vec::new();
    let mut last: Option<u64> = None;
    let mut faults: Vec<String> = Vec::new();
    let mut last_fault: Option<String> = None;
    for line in lines {
        match &line.what {
            What::Invoke { op, request, .. } if is_write(request) => {
                writes.insert(*op);
            }
            What::Return { op, outcome: Outcome::Done(_) } if writes.contains(op) => {
                let now = line.at / NANOSECONDS_PER_MS;
                let length_ms = last.map_or(0, |last| now.saturating_sub(last));
                let mut faults = std::mem::take(&mut faults);
                if length_ms >= SHORTEST_MS {
                    if faults.is_empty() {
                        faults.extend(last_fault.clone());
                    }
                    outages.push(Outage { at_ms: now - length_ms, length_ms, faults });
                }
                last = Some(now);
            }
            What::Fault { text } => {
                last_fault = Some(text.clone());
                faults.push(text.clone());
            }
            What::Invoke { .. }
            | What::Return { .. }
            | What::WatchOpened { .. }
            | What::WatchAnswered { .. }
            | What::WatchClosed { .. } => {}
        }
    }
    outages
}

fn is_write(request: &Request) -> bool {
    match request {
        Request::Put(_) | Request::Delete(_) | Request::Txn(_) => true,
        Request::Range(_)
        | Request::Compact { .. }
        | Request::LeaseGrant { .. }
        | Request::LeaseRevoke { .. }
        | Request::LeaseKeepAlive { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Body, Put, Range, Response};

    fn asked(at_ms: u64, op: u64, request: Request) -> Line {
        let what = What::Invoke { op, client: 1, member: "m0".into(), request };
        Line { at: at_ms * NANOSECONDS_PER_MS, what }
    }

    fn done(at_ms: u64, op: u64) -> Line {
        let outcome = Outcome::Done(Response { revision: 1, body: Body::Put { prev_kv: None } });
        Line { at: at_ms * NANOSECONDS_PER_MS, what: What::Return { op, outcome } }
    }

    #[test]
    fn only_acknowledged_writes_end_an_outage() {
        let put = || Request::Put(Put::default());
        let fault = What::Fault { text: "kill".into() };
        let lines = [
            asked(0, 1, put()),
            done(10, 1),
            Line { at: 20 * NANOSECONDS_PER_MS, what: fault },
            asked(30, 2, put()),
            asked(30, 3, Request::Range(Range::default())),
            done(400, 3),
            done(1010, 2),
            asked(1020, 4, put()),
            done(1100, 4),
        ];
        let expected = Outage { at_ms: 10, length_ms: 1000, faults: vec!["kill".into()] };
        assert_eq!(outages(&lines), [expected]);
    }
}
