//! Comparisons of a transaction.

use super::keyspace::KeySpace;
use crate::history::{Compare, CompareResult, KeyValue, Target, Txn};

impl KeySpace {
    /// Whether all comparisons hold.
    pub(super) fn holds(&self, txn: &Txn) -> bool {
        txn.compares.iter().all(|compare| self.holds_one(compare))
    }

    /// A missing key has no value to compare with; anything else of it is 0.
    fn holds_one(&self, compare: &Compare) -> bool {
        match (self.get(&compare.key), &compare.target) {
            (Some(kv), _) => told(kv, compare),
            (None, Target::Value(_)) => false,
            (
                None,
                Target::Version(_)
                | Target::CreateRevision(_)
                | Target::ModRevision(_)
                | Target::Lease(_),
            ) => told(&KeyValue::default(), compare),
        }
    }
}

fn told(kv: &KeyValue, compare: &Compare) -> bool {
    let order = match &compare.target {
        Target::Value(value) => kv.value.cmp(value),
        Target::Version(version) => kv.version.cmp(version),
        Target::CreateRevision(revision) => kv.create_revision.cmp(revision),
        Target::ModRevision(revision) => kv.mod_revision.cmp(revision),
        Target::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.result {
        CompareResult::Equal => order.is_eq(),
        CompareResult::NotEqual => order.is_ne(),
        CompareResult::Greater => order.is_gt(),
        CompareResult::Less => order.is_lt(),
    }
}
