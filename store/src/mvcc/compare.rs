//! Evaluates the conditions of transactions.

use super::state::State;
use crate::types::*;

/// Which branch of `txn` the state selects.
pub(super) fn choose<'a>(state: &State, txn: &'a Txn) -> (bool, &'a [RequestOp]) {
    let succeeded = txn.compare.iter().all(|compare| holds(state, compare));
    (succeeded, if succeeded { &txn.success } else { &txn.failure })
}

/// The branches that `txn` and the transactions nested in its chosen branch take, in the order in
/// which they are reached. Every compare is evaluated before any operation, as in etcd.
pub(super) fn path(state: &State, txn: &Txn, taken: &mut Vec<bool>) {
    let (succeeded, ops) = choose(state, txn);
    taken.push(succeeded);
    for op in ops {
        if let RequestOp::Txn(nested) = op {
            path(state, nested, taken);
        }
    }
}

/// Whether `compare` holds for its key, or for every key of its range.
///
/// On a missing key a value comparison is false, any other compares with 0.
fn holds(state: &State, compare: &Compare) -> bool {
    let mut found = false;
    for kv in state.live(&compare.range) {
        found = true;
        if !holds_for(compare, kv) {
            return false;
        }
    }
    let compares_value = matches!(compare.target, CompareTarget::Value(_));
    found || (!compares_value && holds_for(compare, &KeyValue::default()))
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.target {
        CompareTarget::Version(version) => kv.version.cmp(version),
        CompareTarget::CreateRevision(revision) => kv.create_revision.cmp(revision),
        CompareTarget::ModRevision(revision) => kv.mod_revision.cmp(revision),
        CompareTarget::Value(value) => kv.value.cmp(value),
        CompareTarget::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.result {
        CompareResult::Equal => ordering.is_eq(),
        CompareResult::NotEqual => ordering.is_ne(),
        CompareResult::Greater => ordering.is_gt(),
        CompareResult::Less => ordering.is_lt(),
    }
}
