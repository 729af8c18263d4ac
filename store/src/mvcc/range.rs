//! Evaluates range requests against one state.

use std::cmp::Ordering;

use bytes::Bytes;

use super::check::check_range;
use super::compare::choose;
use super::state::State;
use crate::error::Error;
use crate::types::*;

/// Answers `request` from `state`. `header` is the template of who answers.
pub fn read_range(
    state: &State,
    header: Header,
    request: &RangeRequest,
) -> Result<RangeResponse, Error> {
    check_range(request)?;
    state.check_revision(request.revision)?;
    let header = Header { revision: state.revision, ..header };
    Ok(evaluate(state, header, request))
}

/// Answers a transaction that writes nothing in either branch.
pub fn read_only_txn(state: &State, header: Header, txn: &Txn) -> Result<TxnResponse, Error> {
    let header = Header { revision: state.revision, ..header };
    let (succeeded, ops) = choose(state, txn);
    let responses = ops
        .iter()
        .map(|op| match op {
            RequestOp::Range(range) => read_range(state, header, range).map(ResponseOp::Range),
            RequestOp::Txn(txn) => read_only_txn(state, header, txn).map(ResponseOp::Txn),
            RequestOp::Put(_) | RequestOp::DeleteRange(_) => {
                unreachable!("the caller checked that the transaction only reads")
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(TxnResponse { header, succeeded, responses })
}

/// As [`read_range`], after the checks.
///
/// As in etcd, `count` counts every key of the range at that revision whatever the limit and the
/// filters, and a limit applies after filters and after an order that was asked for.
pub(super) fn evaluate(state: &State, header: Header, request: &RangeRequest) -> RangeResponse {
    let historical = request.revision > 0 && request.revision < state.revision;
    let mut collector = Collector::new(request);
    if historical {
        state.at(&request.range, request.revision).for_each(|kv| collector.offer(&kv));
    } else if request.range.is_single() {
        // A look-up is quicker than an iterator over one key.
        state.get(&request.range.key).into_iter().for_each(|kv| collector.offer(kv));
    } else {
        state.live(&request.range).for_each(|kv| collector.offer(kv));
    }
    collector.finish(header)
}

/// Gathers a range's answer, cloning no more entries than it returns where it can.
struct Collector<'a> {
    request: &'a RangeRequest,
    /// Entries to keep while gathering: one more than the limit, so that `more` is known.
    keep: usize,
    kvs: Vec<KeyValue>,
    count: i64,
}

impl<'a> Collector<'a> {
    fn new(request: &'a RangeRequest) -> Self {
        let keep = match usize::try_from(request.limit) {
            _ if request.count_only => 0,
            Ok(limit) if limit > 0 && !needs_all(request) => limit.saturating_add(1),
            _ => usize::MAX,
        };
        Self { request, keep, kvs: Vec::new(), count: 0 }
    }

    fn offer(&mut self, kv: &KeyValue) {
        self.count += 1;
        if self.kvs.len() >= self.keep || !passes(self.request, kv) {
            return;
        }
        let mut kv = kv.clone();
        if self.request.keys_only && !sorts_by_value(self.request) {
            kv.value = Bytes::new();
        }
        self.kvs.push(kv);
    }

    fn finish(self, header: Header) -> RangeResponse {
        let Self { request, mut kvs, count, .. } = self;
        if let Some(order) = sorting(request) {
            kvs.sort_by(order);
        }
        let limit = usize::try_from(request.limit).unwrap_or(0);
        let more = limit > 0 && kvs.len() > limit;
        if more {
            kvs.truncate(limit);
        }
        if request.keys_only && sorts_by_value(request) {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        RangeResponse { header, kvs, more, count }
    }
}

fn passes(request: &RangeRequest, kv: &KeyValue) -> bool {
    let within =
        |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(kv.create_revision, request.min_create_revision, request.max_create_revision)
}

/// Whether the limit applies only once everything is gathered and sorted.
///
/// As in etcd, who names a sort target but no order gets the first keys (one more than the limit),
/// sorted among themselves; filters, too, have everything gathered first.
fn needs_all(request: &RangeRequest) -> bool {
    let filters = request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0;
    sorting(request).is_some() && (request.sort_order != SortOrder::None || filters)
}

fn sorts_by_value(request: &RangeRequest) -> bool {
    request.sort_target == SortTarget::Value
}

/// The order asked for, `None` when key order (which the maps have already) is right.
fn sorting(request: &RangeRequest) -> Option<impl Fn(&KeyValue, &KeyValue) -> Ordering + use<>> {
    let (target, order) = (request.sort_target, request.sort_order);
    if target == SortTarget::Key && order != SortOrder::Descend {
        return None;
    }
    Some(move |a: &KeyValue, b: &KeyValue| {
        let ordering = match target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::CreateRevision => a.create_revision.cmp(&b.create_revision),
            SortTarget::ModRevision => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        match order {
            SortOrder::None | SortOrder::Ascend => ordering,
            SortOrder::Descend => ordering.reverse(),
        }
    })
}
