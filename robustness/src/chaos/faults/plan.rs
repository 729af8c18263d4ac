//! The order of faults: rounds, each of all of them in an order drawn anew.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::Kind;

#[derive(Debug)]
pub struct Plan {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
    /// Rounds that have begun.
    rounds: usize,
}

impl Plan {
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds, left: Vec::new(), rounds: 0 }
    }

    /// The next fault, `None` if there are none at all.
    pub fn next(&mut self, rng: &mut StdRng) -> Option<Kind> {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
            self.left.shuffle(rng);
            self.rounds += 1;
        }
        self.left.pop()
    }

    /// Whether each fault has come at least once.
    pub fn is_covered(&self) -> bool {
        self.kinds.is_empty() || self.rounds > 1 || (self.rounds == 1 && self.left.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_round_has_all_in_an_order_of_its_own() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut plan = Plan::new(Kind::ALL.to_vec());
        assert!(!plan.is_covered());
        let mut round =
            || -> Vec<Kind> { (0..Kind::ALL.len()).filter_map(|_| plan.next(&mut rng)).collect() };
        let (first, second) = (round(), round());
        assert_ne!(first, second);
        for mut round in [first, second] {
            round.sort_unstable();
            assert_eq!(round, Kind::ALL);
        }
        assert!(plan.is_covered());
        assert_eq!(Plan::new(Vec::new()).next(&mut rng), None);
    }
}
