use proptest::prelude::*;

use super::testing::{Shape, history};
use super::*;

fn shapes() -> impl Strategy<Value = Shape> {
    (1..150usize, 1..6usize, 0..25u32, 0..4usize, any::<bool>(), any::<bool>()).prop_map(
        |(requests, clients, unanswered, watches, leases, compactions)| Shape {
            requests,
            clients,
            // Without a watch on everything, there is less to tell what was not answered.
            unanswered: if watches == 0 { unanswered / 4 } else { unanswered },
            watches,
            leases,
            compactions,
            fault: None,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_store_that_does_right_is_fine(seed in any::<u64>(), shape in shapes()) {
        let verdict = check(&history(seed, shape), &Options::default());
        // Without a watch on everything there may be too much to guess.
        prop_assert!(verdict.is_fine() || (shape.watches == 0 && verdict.names(Kind::GivenUp)), "{}", verdict);
        prop_assert_ne!(verdict.search, Search::Violation);
    }
}

#[test]
fn the_search_decides_short_histories() {
    for seed in 0..40 {
        let shape = Shape { requests: 80, ..Shape::default() };
        let verdict = check(&history(seed, shape), &Options::default());
        assert!(verdict.is_fine(), "seed {seed}: {verdict}");
        assert_eq!(verdict.search, Search::Ok, "seed {seed}: {verdict}");
    }
}
