//! Answers that changed nothing, by the revision whose state they show.

use crate::check::facts::{Facts, changed};
use crate::history::*;

/// Indices of operations by the revision to look at.
pub(super) struct Observations {
    /// Sorted by revision, then by operation.
    sorted: Vec<(i64, usize)>,
}

impl Observations {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut sorted: Vec<(i64, usize)> = facts
            .operations
            .iter()
            .enumerate()
            .filter_map(|(index, operation)| {
                let response = operation.done()?;
                Some((looked_at(operation.request, response)?, index))
            })
            .collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    pub(super) fn at(&self, revision: i64) -> impl Iterator<Item = usize> {
        let first = self.sorted.partition_point(|(at, _)| *at < revision);
        let here = self.sorted[first..].iter().take_while(move |(at, _)| *at == revision);
        here.map(|(_, operation)| *operation)
    }
}

fn looked_at(request: &Request, response: &Response) -> Option<i64> {
    match request {
        Request::Range(range) if range.revision > 0 => Some(range.revision),
        Request::Range(_) | Request::LeaseRevoke { .. } => Some(response.revision),
        Request::Put(_) | Request::Delete(_) | Request::Txn(_) => {
            (!changed(&response.body)).then_some(response.revision)
        }
        Request::Compact { .. } | Request::LeaseGrant { .. } | Request::LeaseKeepAlive { .. } => {
            None
        }
    }
}
