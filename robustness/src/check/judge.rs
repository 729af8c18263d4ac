//! All judges, one after another.

use super::compactions::Compactions;
use super::evidence::Evidence;
use super::facts::Facts;
use super::leases::{self, Lives};
use super::options::Options;
use super::revisions;
use super::search;
use super::verdict::{Search, Verdict};
use super::watches::{self, Coverage};
use crate::history::{Line, WatchAnswer};

/// Judges a history.
pub fn check(lines: &[Line], options: &Options) -> Verdict {
    let (facts, malformed) = Facts::of(lines);
    let mut verdict = outline(&facts);
    verdict.add(malformed);
    let (evidence, conflicts) = Evidence::of(&facts);
    verdict.add(conflicts);
    let mut lives = Lives::of(&facts);
    let coverage = Coverage::of(&facts);
    let (truth, wrong) = revisions::judge(&facts, &evidence, &coverage, &lives, options);
    verdict.add(revisions::judge_real_time(&facts, &truth));
    verdict.add(wrong);
    let compactions = Compactions::of(&facts);
    verdict.add(compactions.judge(&facts));
    verdict.add(leases::judge(&facts, &truth, &mut lives, options));
    verdict.add(watches::judge(&facts, &evidence, &truth, &compactions));
    if facts.operations.len() <= options.searched_operations {
        let (outcome, violation) = search::judge(&facts);
        verdict.search = outcome;
        verdict.add(violation);
    }
    verdict
}

fn outline(facts: &Facts<'_>) -> Verdict {
    let answers = facts.watches.iter().flat_map(|watch| &watch.answers);
    let events = answers.map(|(_, answer)| match answer {
        WatchAnswer::Events { events, .. } => events.len(),
        WatchAnswer::Created { .. }
        | WatchAnswer::Progress { .. }
        | WatchAnswer::Compacted { .. }
        | WatchAnswer::Canceled { .. } => 0,
    });
    Verdict {
        violations: Vec::new(),
        omitted: 0,
        operations: facts.operations.len(),
        unknown: facts.operations.iter().filter(|operation| operation.is_unknown()).count(),
        watches: facts.watches.len(),
        events: events.sum(),
        revision: facts.last_revision,
        search: Search::NotTried,
    }
}
