//! Sets of keys, as sorted ranges that neither overlap nor touch.

use bytes::Bytes;

use super::facts::Permission;
use crate::types::KeyRange;

/// `[begin, end)`; without an end it goes on for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interval {
    begin: Bytes,
    end: Option<Bytes>,
}

impl Interval {
    fn of(range: &KeyRange) -> Self {
        let end = match range.end.as_ref() {
            b"" => {
                let mut end = range.key.to_vec();
                end.push(0);
                Some(Bytes::from(end)) // The least key behind this one.
            }
            b"\0" => None,
            _ => Some(range.end.clone()),
        };
        Self { begin: range.key.clone(), end }
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.begin)
    }
}

/// A union of key ranges.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Interval>);

impl Ranges {
    fn union(ranges: impl Iterator<Item = KeyRange>) -> Self {
        let mut intervals: Vec<_> =
            ranges.map(|range| Interval::of(&range)).filter(|one| !one.is_empty()).collect();
        intervals.sort_by(|a, b| a.begin.cmp(&b.begin));
        let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
        for next in intervals {
            match merged.last_mut() {
                Some(last) if last.end.as_ref().is_none_or(|end| *end >= next.begin) => {
                    last.end = furthest(last.end.take(), next.end);
                }
                _ => merged.push(next),
            }
        }
        Self(merged)
    }

    /// Whether every key of `range` is in the set. A range that ends before it begins holds no key;
    /// as in etcd it is covered where its first key is.
    pub fn cover(&self, range: &KeyRange) -> bool {
        let after = self.0.partition_point(|interval| interval.begin <= range.key);
        let Some(interval) = after.checked_sub(1).map(|at| &self.0[at]) else { return false };
        let Some(end) = &interval.end else { return true };
        match range.end.as_ref() {
            b"" => range.key < *end,
            b"\0" => false,
            wanted => range.key < *end && wanted <= end.as_ref(),
        }
    }
}

fn furthest(a: Option<Bytes>, b: Option<Bytes>) -> Option<Bytes> {
    Some(a?.max(b?))
}

/// What somebody may read and write.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub read: Ranges,
    pub write: Ranges,
}

impl Reach {
    pub fn of<'a>(permissions: impl Iterator<Item = &'a Permission> + Clone) -> Self {
        let ranges = |wanted: fn(&Permission) -> bool| {
            let chosen = permissions.clone().filter(move |permission| wanted(permission));
            Ranges::union(chosen.map(Permission::range))
        };
        Self {
            read: ranges(|permission| permission.kind.reads()),
            write: ranges(|permission| permission.kind.writes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(key: &'static str, end: &'static str) -> KeyRange {
        KeyRange { key: key.into(), end: end.into() }
    }

    #[test]
    fn ranges_that_meet_become_one() {
        let union = Ranges::union(
            [range("c", "e"), range("a", "c"), range("m", ""), range("d", "f"), range("x", "\0")]
                .into_iter(),
        );
        let bounds: Vec<_> =
            union.0.iter().map(|one| (one.begin.as_ref(), one.end.as_deref())).collect();
        let expected: [(&[u8], Option<&[u8]>); 3] =
            [(b"a", Some(b"f")), (b"m", Some(b"m\0")), (b"x", None)];
        assert_eq!(bounds, expected);
    }

    #[test]
    fn a_range_is_covered_as_a_whole_or_not_at_all() {
        let union = Ranges::union([range("b", "d"), range("d", "f"), range("x", "\0")].into_iter());
        let cases = [
            ("b", "", true),
            ("a", "", false),
            ("f", "", false),
            ("e\u{1}", "", true),
            ("b", "f", true),
            ("c", "e", true),
            ("c", "f\0", false),
            ("b", "\0", false),
            ("y", "\0", true),
            ("x", "z", true),
            ("w", "z", false),
            ("c", "b", true),
            ("g", "b", false),
        ];
        for (key, end, covered) in cases {
            assert_eq!(union.cover(&range(key, end)), covered, "{key:?} {end:?}");
        }
    }

    fn any_range() -> impl Strategy<Value = KeyRange> {
        let key = || proptest::collection::vec(0u8..4, 1..3);
        let end = prop_oneof![Just(vec![]), Just(vec![0]), key()];
        (key(), end).prop_map(|(key, end)| KeyRange { key: key.into(), end: end.into() })
    }

    proptest! {
        /// Key by key, the union holds what one of its parts holds.
        #[test]
        fn the_union_holds_what_its_parts_hold(
            parts in proptest::collection::vec(any_range(), 0..6),
            key in proptest::collection::vec(0u8..4, 1..4),
        ) {
            let union = Ranges::union(parts.iter().cloned());
            let held = parts.iter().any(|part| part.contains(&key));
            prop_assert_eq!(union.cover(&KeyRange::single(key)), held);
        }

        /// What is covered as a range is covered at each of its keys.
        #[test]
        fn a_covered_range_has_no_gap(
            parts in proptest::collection::vec(any_range(), 0..6),
            wanted in any_range(),
            key in proptest::collection::vec(0u8..4, 1..4),
        ) {
            let union = Ranges::union(parts.into_iter());
            if union.cover(&wanted) && wanted.contains(&key) {
                prop_assert!(union.cover(&KeyRange::single(key)));
            }
        }
    }
}
