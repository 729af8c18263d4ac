//! Which keys a range names, and reading them.

use std::ops::Bound;
use std::sync::Arc;

use super::keyspace::KeySpace;
use crate::history::{Body, KeyValue, Range};

/// The end that stands for every key from the first on.
const EVERY_KEY: &str = "\0";

/// Whether `key` lies in the range from `start` to `end`, in etcd's conventions.
pub fn contains(start: &str, end: Option<&str>, key: &str) -> bool {
    match end {
        None => key == start,
        Some(EVERY_KEY) => key >= start,
        Some(end) => key >= start && key < end,
    }
}

/// The bounds of a range, `None` of one that no key lies in.
pub(super) fn bounds<'a>(
    start: &'a str,
    end: Option<&'a str>,
) -> Option<(Bound<&'a str>, Bound<&'a str>)> {
    match end {
        None => Some((Bound::Included(start), Bound::Included(start))),
        Some(EVERY_KEY) => Some((Bound::Included(start), Bound::Unbounded)),
        Some(end) => (start < end).then_some((Bound::Included(start), Bound::Excluded(end))),
    }
}

/// What a read finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub kvs: Vec<Arc<KeyValue>>,
    /// Keys of the range, whatever the limit.
    pub count: i64,
    /// The limit cut the answer.
    pub more: bool,
}

impl Selection {
    pub fn body(&self) -> Body {
        let kvs = self.kvs.iter().map(|kv| KeyValue::clone(kv)).collect();
        Body::Range { kvs, count: self.count, more: self.more }
    }

    /// As comparing with [`Selection::body`], without making it.
    pub fn is(&self, body: &Body) -> bool {
        let Body::Range { kvs, count, more } = body else { return false };
        *count == self.count
            && *more == self.more
            && kvs.len() == self.kvs.len()
            && self.kvs.iter().zip(kvs).all(|(ours, theirs)| **ours == *theirs)
    }
}

impl KeySpace {
    /// The keys from `start` to `end`, in order.
    pub fn live<'a>(
        &'a self,
        start: &'a str,
        end: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<KeyValue>> {
        let single = if end.is_none() { self.keys.get(start) } else { None };
        let bounds = end.and_then(|end| bounds(start, Some(end)));
        let many = bounds.into_iter().flat_map(|bounds| self.keys.range::<_, str>(bounds));
        single.into_iter().chain(many.map(|(_, kv)| kv))
    }

    /// Reads this state, whatever revision `range` names.
    pub fn select(&self, range: &Range) -> Selection {
        let limit = usize::try_from(range.limit).ok().filter(|limit| *limit > 0);
        let mut kvs: Vec<_> = self.live(&range.key, range.end.as_deref()).cloned().collect();
        let count = kvs.len() as i64;
        let more = limit.is_some_and(|limit| kvs.len() > limit);
        if let Some(limit) = limit {
            kvs.truncate(limit);
        }
        Selection { kvs, count, more }
    }
}
