//! Finds the watchers of a key.
//!
//! Nearly all watchers watch one key or one prefix. Both are found by hash: a key is looked up
//! once as itself, and once for each distinct prefix length that is watched (a handful). Ranges
//! that are no prefix are scanned. Rejected: an interval tree, which costs more on every change
//! for the sake of ranges that hardly anyone watches.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::types::KeyRange;

pub(super) type WatcherId = u64;

#[derive(Debug, Default)]
pub(super) struct Index {
    keys: HashMap<Bytes, Vec<WatcherId>>,
    prefixes: HashMap<Bytes, Vec<WatcherId>>,
    /// Watched prefixes by length.
    lengths: BTreeMap<usize, usize>,
    ranges: Vec<(KeyRange, WatcherId)>,
}

enum Kind {
    Key,
    Prefix(Bytes),
    Range,
}

fn kind(range: &KeyRange) -> Kind {
    if range.is_single() {
        return Kind::Key;
    }
    let everything = KeyRange::prefix("");
    if *range == everything {
        return Kind::Prefix(Bytes::new());
    }
    if *range == KeyRange::prefix(range.key.clone()) {
        return Kind::Prefix(range.key.clone());
    }
    Kind::Range
}

impl Index {
    pub(super) fn insert(&mut self, range: &KeyRange, id: WatcherId) {
        match kind(range) {
            Kind::Key => self.keys.entry(range.key.clone()).or_default().push(id),
            Kind::Prefix(prefix) => {
                *self.lengths.entry(prefix.len()).or_default() += 1;
                self.prefixes.entry(prefix).or_default().push(id);
            }
            Kind::Range => self.ranges.push((range.clone(), id)),
        }
    }

    pub(super) fn remove(&mut self, range: &KeyRange, id: WatcherId) {
        match kind(range) {
            Kind::Key => remove_from(&mut self.keys, &range.key, id),
            Kind::Prefix(prefix) => {
                if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                    *count -= 1;
                    if *count == 0 {
                        self.lengths.remove(&prefix.len());
                    }
                }
                remove_from(&mut self.prefixes, &prefix, id);
            }
            Kind::Range => self.ranges.retain(|(_, other)| *other != id),
        }
    }

    /// Adds the watchers of `key` to `found`.
    pub(super) fn find(&self, key: &[u8], found: &mut Vec<WatcherId>) {
        if let Some(ids) = self.keys.get(key) {
            found.extend(ids);
        }
        for length in self.lengths.range(..=key.len()).map(|(length, _)| *length) {
            if let Some(ids) = self.prefixes.get(&key[..length]) {
                found.extend(ids);
            }
        }
        let ranges = self.ranges.iter().filter(|(range, _)| range.contains(key));
        found.extend(ranges.map(|(_, id)| *id));
    }
}

fn remove_from(map: &mut HashMap<Bytes, Vec<WatcherId>>, key: &Bytes, id: WatcherId) {
    if let Some(ids) = map.get_mut(key) {
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(index: &Index, key: &str) -> Vec<WatcherId> {
        let mut found = Vec::new();
        index.find(key.as_bytes(), &mut found);
        found.sort_unstable();
        found
    }

    #[test]
    fn each_shape_of_range_is_found_and_removed() {
        let ranges = [
            KeyRange::single("/a/b"),
            KeyRange::prefix("/a/"),
            KeyRange::prefix(""),
            KeyRange { key: "/a/a".into(), end: "/a/c".into() },
            KeyRange { key: "/a/b".into(), end: "\0".into() },
        ];
        let mut index = Index::default();
        for (id, range) in ranges.iter().enumerate() {
            index.insert(range, id as u64);
        }
        assert_eq!(find(&index, "/a/b"), [0, 1, 2, 3, 4]);
        assert_eq!(find(&index, "/a/c"), [1, 2, 4]);
        assert_eq!(find(&index, "/"), [2]);
        for (id, range) in ranges.iter().enumerate() {
            index.remove(range, id as u64);
        }
        assert_eq!(find(&index, "/a/b"), [0; 0]);
        assert!(index.keys.is_empty() && index.prefixes.is_empty() && index.lengths.is_empty());
    }

    #[test]
    fn agrees_with_contains_on_all_small_keys() {
        let alphabet: &[&[u8]] = &[b"\0", b"a", b"ab", b"b", b"\xff", b"\xff\xff", b"a\xff"];
        let mut ranges = Vec::new();
        for key in alphabet {
            ranges.push(KeyRange::single(Bytes::from_static(key)));
            ranges.push(KeyRange::prefix(Bytes::from_static(key)));
            for end in alphabet {
                ranges
                    .push(KeyRange { key: Bytes::from_static(key), end: Bytes::from_static(end) });
            }
        }
        let mut index = Index::default();
        for (id, range) in ranges.iter().enumerate() {
            index.insert(range, id as u64);
        }
        for key in alphabet {
            let mut found = Vec::new();
            index.find(key, &mut found);
            found.sort_unstable();
            let expected: Vec<u64> =
                (0..ranges.len() as u64).filter(|id| ranges[*id as usize].contains(key)).collect();
            assert_eq!(found, expected, "{key:?}");
        }
    }
}
