//! Histories of a store that does right, in which one answer is then changed: each change is found,
//! and by its name.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

mod requests;
mod watches;

use super::testing::{Shape, history};
use super::*;
use crate::history::*;

const SEEDS: u64 = 30;
/// Of the seeds, how many must have what a change needs.
const LEAST_CHANGED: usize = 10;

pub(super) struct Row {
    pub(super) name: &'static str,
    /// Changes the history; whether there was something to change.
    pub(super) change: fn(&mut Vec<Line>, &mut StdRng) -> bool,
    /// One of these is named.
    pub(super) kinds: &'static [Kind],
    /// Whether the search finds it, too.
    pub(super) searched: bool,
}

fn shape() -> Shape {
    Shape { unanswered: 0, compactions: false, ..Shape::default() }
}

pub(super) fn find(row: &Row) {
    let mut changed = 0;
    for seed in 0..SEEDS {
        let mut lines = history(seed, shape());
        if !(row.change)(&mut lines, &mut StdRng::seed_from_u64(seed)) {
            continue;
        }
        changed += 1;
        let searched_operations = if row.searched { lines.len() } else { 0 };
        let options = Options { searched_operations, ..Options::default() };
        let verdict = check(&lines, &options);
        assert!(
            row.kinds.iter().any(|kind| verdict.names(*kind)),
            "{} of seed {seed} is not named: {verdict}",
            row.name
        );
        assert!(
            !row.searched || verdict.search == Search::Violation,
            "{} of seed {seed} is not found by search: {verdict}",
            row.name
        );
    }
    assert!(changed >= LEAST_CHANGED, "{} changed {changed} histories", row.name);
}

/// Picks one of the lines for which `with` can do its change, and does it.
pub(super) fn one(
    lines: &mut [Line],
    random: &mut StdRng,
    fits: impl Fn(&mut What) -> bool,
    change: impl FnOnce(&mut What),
) -> bool {
    let fit: Vec<usize> = (0..lines.len()).filter(|index| fits(&mut lines[*index].what)).collect();
    if fit.is_empty() {
        return false;
    }
    change(&mut lines[fit[random.random_range(0..fit.len())]].what);
    true
}
