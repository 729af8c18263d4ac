//! Refuses malformed requests before they are proposed: what can be told without the state.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::error::Error;
use crate::types::*;

pub fn check_range(request: &RangeRequest) -> Result<(), Error> {
    check_key(&request.range.key)
}

pub fn check_put(request: &PutRequest) -> Result<(), Error> {
    check_key(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

pub fn check_delete(request: &DeleteRangeRequest) -> Result<(), Error> {
    check_key(&request.range.key)
}

/// Checks shape, number of operations (`max_ops` at each level, less those of the levels above)
/// and that no key is written twice, as far as etcd tells that without the state.
///
/// etcd refuses a put whose key is put or deleted elsewhere in the transaction, but lets a nested
/// transaction delete what an earlier sibling puts. A key may thus change more than once in a
/// revision.
pub fn check_txn(txn: &Txn, max_ops: usize) -> Result<(), Error> {
    check_shape(txn, max_ops)?;
    Writes::of_branch(&txn.success)?;
    Writes::of_branch(&txn.failure)?;
    Ok(())
}

/// Whether neither branch writes, so that no entry needs to be proposed.
pub fn is_read_only(txn: &Txn) -> bool {
    txn.success.iter().chain(&txn.failure).all(|op| match op {
        RequestOp::Range(_) => true,
        RequestOp::Put(_) | RequestOp::DeleteRange(_) => false,
        RequestOp::Txn(nested) => is_read_only(nested),
    })
}

fn check_key(key: &Bytes) -> Result<(), Error> {
    if key.is_empty() { Err(Error::EmptyKey) } else { Ok(()) }
}

fn check_shape(txn: &Txn, max_ops: usize) -> Result<(), Error> {
    let ops = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    if ops > max_ops {
        return Err(Error::TooManyOps);
    }
    for compare in &txn.compare {
        check_key(&compare.range.key)?;
    }
    for op in txn.success.iter().chain(&txn.failure) {
        match op {
            RequestOp::Range(request) => check_range(request)?,
            RequestOp::Put(request) => check_put(request)?,
            RequestOp::DeleteRange(request) => check_delete(request)?,
            RequestOp::Txn(nested) => check_shape(nested, max_ops - ops)?,
        }
    }
    Ok(())
}

/// What one branch may write, its nested transactions included.
#[derive(Default)]
struct Writes {
    puts: BTreeSet<Bytes>,
    deletes: Vec<KeyRange>,
}

impl Writes {
    fn of_branch(ops: &[RequestOp]) -> Result<Self, Error> {
        let mut all = Self::default();
        all.deletes.extend(ops.iter().filter_map(|op| match op {
            RequestOp::DeleteRange(request) => Some(checked_range(&request.range)),
            RequestOp::Range(_) | RequestOp::Put(_) | RequestOp::Txn(_) => None,
        }));
        for op in ops {
            if let RequestOp::Txn(nested) = op {
                // The two branches may overlap each other: only one of them runs.
                let then = Self::of_branch(&nested.success)?;
                let otherwise = Self::of_branch(&nested.failure)?;
                all.check_puts(&then.puts)?;
                all.check_puts(&otherwise.puts)?;
                all.merge(then);
                all.merge(otherwise);
            }
        }
        for op in ops {
            if let RequestOp::Put(request) = op {
                let put = BTreeSet::from([request.key.clone()]);
                all.check_puts(&put)?;
                all.puts.extend(put);
            }
        }
        Ok(all)
    }

    fn check_puts(&self, puts: &BTreeSet<Bytes>) -> Result<(), Error> {
        let twice = !self.puts.is_disjoint(puts) || deletes_any(&self.deletes, puts);
        if twice { Err(Error::DuplicateKey) } else { Ok(()) }
    }

    fn merge(&mut self, mut other: Self) {
        self.puts.append(&mut other.puts);
        self.deletes.append(&mut other.deletes);
    }
}

/// The part of a delete's range that counts as deleted: as in etcd, of "every key from here on" only
/// the first.
fn checked_range(range: &KeyRange) -> KeyRange {
    if range.end.as_ref() == b"\0" { KeyRange::single(range.key.clone()) } else { range.clone() }
}

fn deletes_any(deletes: &[KeyRange], puts: &BTreeSet<Bytes>) -> bool {
    deletes.iter().any(|range| {
        super::state::bounds(range)
            .is_some_and(|bounds| puts.range::<[u8], _>(bounds).next().is_some())
    })
}
