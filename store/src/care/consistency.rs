//! What fingerprints say about the members. No store, no network: every case is a row of a table.
//!
//! The three judgements are etcd's. They differ in what they may take for granted: before serving
//! nobody knows who is right; a leader that has just read linearizably is ahead of everyone; and at
//! a compaction everyone must have been the same.

use std::collections::BTreeMap;

/// The fingerprint of a member's key space at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub hash: u32,
    /// The revision that was hashed.
    pub revision: i64,
    pub compact_revision: i64,
    /// The latest revision of the member when it answered.
    pub current_revision: i64,
}

/// What another member answered; `None` if it did not, for whatever reason.
pub(crate) type Answer = (u64, Option<Fingerprint>);

/// Before serving: the members that differ from this one at the same compaction. One that is
/// compacted elsewhere, lags or is silent tells nothing.
pub(super) fn differing(mine: Fingerprint, others: &[Answer]) -> Vec<u64> {
    let differs = |theirs: &Fingerprint| {
        theirs.hash != mine.hash && theirs.compact_revision == mine.compact_revision
    };
    let different = others.iter().filter(|(_, theirs)| theirs.as_ref().is_some_and(differs));
    different.map(|(id, _)| *id).collect()
}

/// By a leader, which hashed its latest revision `before` it asked, then read linearizably, then
/// hashed its latest revision again (`after`): the member found corrupt first.
pub(super) fn corrupt(
    me: u64,
    before: Fingerprint,
    after: Fingerprint,
    others: &[Answer],
) -> Option<u64> {
    let changed_unasked = after.hash != before.hash
        && after.revision == before.revision
        && after.compact_revision == before.compact_revision;
    if changed_unasked {
        return Some(me);
    }
    let wrong = |theirs: &Fingerprint| {
        theirs.current_revision > after.current_revision
            || theirs.compact_revision > after.compact_revision
            || (theirs.compact_revision == before.compact_revision && theirs.hash != before.hash)
    };
    let found = others.iter().find(|(_, theirs)| theirs.as_ref().is_some_and(wrong));
    found.map(|(id, _)| *id)
}

/// What a comparison at a compaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everyone was asked, and all are alike.
    Same,
    /// Those who answered are alike; others are yet to be asked.
    Unsettled,
    /// The members that differ from the majority; 0, which is everyone, where there is none.
    Corrupt(Vec<u64>),
}

/// By a leader, whose fingerprint at its last compaction is `mine`.
pub(super) fn at_compaction(me: u64, mine: Fingerprint, others: &[Answer]) -> Verdict {
    let mut members_by_hash = BTreeMap::from([(mine.hash, vec![me])]);
    let mut silent = 0;
    for (id, theirs) in others {
        match theirs {
            Some(theirs) if theirs.compact_revision == mine.compact_revision => {
                members_by_hash.entry(theirs.hash).or_default().push(*id);
            }
            Some(_) | None => silent += 1,
        }
    }
    if members_by_hash.len() == 1 {
        return if silent == 0 { Verdict::Same } else { Verdict::Unsettled };
    }
    let quorum = others.len().div_ceil(2) + 1;
    let majority = members_by_hash.iter().find(|(_, ids)| ids.len() >= quorum);
    let Some(right) = majority.map(|(hash, _)| *hash) else { return Verdict::Corrupt(vec![0]) };
    members_by_hash.remove(&right);
    Verdict::Corrupt(members_by_hash.into_values().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u64 = 1;

    type Theirs<'a> = &'a [Option<Fingerprint>];

    fn at(hash: u32, revision: i64, compact_revision: i64) -> Fingerprint {
        Fingerprint { hash, revision, compact_revision, current_revision: revision }
    }

    fn answers(theirs: &[Option<Fingerprint>]) -> Vec<Answer> {
        (2..).zip(theirs.iter().copied()).collect()
    }

    #[test]
    fn before_serving_only_equal_compactions_compare() {
        let mine = at(7, 10, 5);
        let cases: [(Theirs, &[u64]); 5] = [
            (&[], &[]),
            (&[Some(at(7, 10, 5)), None], &[]),
            (&[Some(at(8, 10, 5)), Some(at(7, 10, 5))], &[2]),
            (&[Some(at(8, 10, 6)), Some(at(8, 10, 4))], &[]),
            (&[Some(at(8, 10, 5)), Some(at(9, 10, 5))], &[2, 3]),
        ];
        for (others, expected) in cases {
            assert_eq!(differing(mine, &answers(others)), expected, "{others:?}");
        }
    }

    #[test]
    fn a_leader_finds_who_is_corrupt() {
        let before = at(7, 10, 5);
        let later = at(99, 12, 5);
        let compacted = at(99, 12, 8);
        let ahead = Fingerprint { current_revision: 13, ..before };
        let cases: [(Fingerprint, Theirs, Option<u64>); 10] = [
            (before, &[], None),
            (before, &[Some(before), None], None),
            // My own memory changed.
            (at(8, 10, 5), &[Some(before)], Some(ME)),
            (later, &[Some(before)], None),
            (compacted, &[Some(before)], None),
            (later, &[Some(at(8, 10, 5))], Some(2)),
            (later, &[Some(before), Some(at(8, 10, 5))], Some(3)),
            // Nobody is ahead of a leader.
            (later, &[Some(ahead)], Some(2)),
            (later, &[Some(at(7, 10, 6))], Some(2)),
            // Compacted meanwhile, so not to be compared.
            (compacted, &[Some(at(8, 10, 8))], None),
        ];
        for (after, others, expected) in cases {
            assert_eq!(corrupt(ME, before, after, &answers(others)), expected, "{others:?}");
        }
    }

    #[test]
    fn the_majority_is_right_at_a_compaction() {
        let mine = at(7, 5, 5);
        let (same, other, third) = (Some(mine), Some(at(8, 5, 5)), Some(at(9, 5, 5)));
        let elsewhere = Some(at(8, 5, 4));
        let cases: [(Theirs, Verdict); 9] = [
            (&[], Verdict::Same),
            (&[same, same], Verdict::Same),
            (&[same, None], Verdict::Unsettled),
            (&[same, elsewhere], Verdict::Unsettled),
            (&[same, other], Verdict::Corrupt(vec![3])),
            (&[other, other], Verdict::Corrupt(vec![ME])),
            (&[other, third], Verdict::Corrupt(vec![0])),
            (&[other, None], Verdict::Corrupt(vec![0])),
            (&[same, same, other, third], Verdict::Corrupt(vec![4, 5])),
        ];
        for (others, expected) in cases {
            assert_eq!(at_compaction(ME, mine, &answers(others)), expected, "{others:?}");
        }
    }
}
