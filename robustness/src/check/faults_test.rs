//! Histories of a store that does one thing wrong and goes on as if it were right: each is found,
//! and by its name.

use super::testing::{Fault, Shape, history};
use super::*;

const SEEDS: u64 = 200;
/// Of the seeds, how many with an occasion for the fault are looked at.
const OCCASIONS: usize = 12;
const REQUESTS: usize = 100;
/// When the fault comes: early enough for others to see what came of it.
const BEFORE_FAULT: usize = 40;

fn shape(fault: Fault) -> Shape {
    Shape {
        requests: REQUESTS,
        unanswered: 0,
        compactions: false,
        fault: Some((BEFORE_FAULT, fault)),
        ..Shape::default()
    }
}

#[test]
fn every_fault_is_found() {
    for (fault, kinds, searched) in [
        (Fault::LosesPut, &[Kind::LostWrite][..], true),
        (Fault::LosesDeletion, &[Kind::LostWrite, Kind::RevisionClaimedTwice], true),
        (Fault::PutsTwice, &[Kind::DuplicatedWrite], true),
        (Fault::ReadsOldState, &[Kind::StaleRead], true),
        (Fault::SkipsRevision, &[Kind::RevisionGap], true),
        (Fault::RefusesAndPuts, &[Kind::RefusedButDone], true),
        (Fault::ExpiresEarly, &[Kind::EarlyExpiry], false),
        (Fault::KeepsKeysOfLease, &[Kind::WrongAnswer], false),
    ] {
        let mut found = 0;
        for seed in 0..SEEDS {
            let right = history(seed, Shape { fault: None, ..shape(fault) });
            let lines = history(seed, shape(fault));
            if lines == right {
                continue; // There was no occasion.
            }
            if found == OCCASIONS {
                break;
            }
            found += 1;
            let verdict = check(&lines, &Options::default());
            assert!(
                kinds.iter().any(|kind| verdict.names(*kind)),
                "{fault:?} of seed {seed} is not named:\n{verdict}"
            );
            assert!(
                !searched || verdict.search == Search::Violation,
                "{fault:?} of seed {seed} is not found by search:\n{verdict}"
            );
        }
        assert_eq!(found, OCCASIONS, "{fault:?} had too few occasions");
    }
}
