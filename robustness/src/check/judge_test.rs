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
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_store_that_does_right_is_fine(seed in any::<u64>(), shape in shapes()) {
        let verdict = check(&history(seed, shape), &Options::default());
        prop_assert!(verdict.is_fine(), "{}", verdict);
        prop_assert_eq!(verdict.search, Search::Ok);
    }
}
