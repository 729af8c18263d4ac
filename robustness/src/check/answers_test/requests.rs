//! Answers to requests.

use super::{Row, find, one};
use crate::check::Kind;
use crate::history::*;

fn done(what: &mut What) -> Option<&mut Response> {
    match what {
        What::Return { outcome: Outcome::Done(response), .. } => Some(response),
        _ => None,
    }
}

fn prev_kv(what: &mut What) -> Option<&mut KeyValue> {
    match &mut done(what)?.body {
        Body::Put { prev_kv } => prev_kv.as_mut(),
        _ => None,
    }
}

fn read(what: &mut What) -> Option<(&mut Vec<KeyValue>, &mut i64)> {
    match &mut done(what)?.body {
        Body::Range { kvs, count, .. } if !kvs.is_empty() => Some((kvs, count)),
        _ => None,
    }
}

fn is_put(what: &mut What) -> bool {
    done(what).is_some_and(|response| matches!(response.body, Body::Put { .. }))
}

fn deletion(what: &mut What) -> Option<&mut i64> {
    match &mut done(what)?.body {
        Body::Delete { deleted, prev_kvs } if *deleted > 0 && prev_kvs.is_empty() => Some(deleted),
        _ => None,
    }
}

fn txn(what: &mut What) -> Option<&mut bool> {
    match &mut done(what)?.body {
        Body::Txn { succeeded, .. } => Some(succeeded),
        _ => None,
    }
}

#[test]
fn wrong_answers_to_requests_are_found() {
    for row in [
        Row {
            name: "a wrong prev_kv",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| prev_kv(what).is_some(),
                    |what| prev_kv(what).unwrap().version += 1,
                )
            },
            kinds: &[Kind::WrongPrevKv],
            searched: true,
        },
        Row {
            name: "a missing prev_kv",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| prev_kv(what).is_some(),
                    |what| {
                        done(what).unwrap().body = Body::Put { prev_kv: None };
                    },
                )
            },
            kinds: &[Kind::WrongPrevKv],
            searched: true,
        },
        Row {
            name: "a wrong version",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| read(what).is_some(),
                    |what| read(what).unwrap().0[0].version += 1,
                )
            },
            kinds: &[Kind::WrongRead],
            searched: true,
        },
        Row {
            name: "a wrong create revision",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| read(what).is_some(),
                    |what| read(what).unwrap().0[0].create_revision -= 1,
                )
            },
            kinds: &[Kind::WrongRead],
            searched: true,
        },
        Row {
            name: "a key that a read leaves out",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| read(what).is_some(),
                    |what| {
                        let (kvs, count) = read(what).unwrap();
                        kvs.remove(0);
                        *count -= 1;
                    },
                )
            },
            kinds: &[Kind::WrongRead],
            searched: true,
        },
        Row {
            name: "a wrong count",
            change: |lines, random| {
                one(lines, random, |what| read(what).is_some(), |what| *read(what).unwrap().1 += 1)
            },
            kinds: &[Kind::WrongRead],
            searched: true,
        },
        Row {
            name: "a value that nobody wrote",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| read(what).is_some(),
                    |what| {
                        read(what).unwrap().0[0].value = "nobody's".to_owned();
                    },
                )
            },
            kinds: &[Kind::UnwrittenValue],
            searched: true,
        },
        Row {
            name: "a wrong number of deletions",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| deletion(what).is_some(),
                    |what| *deletion(what).unwrap() += 1,
                )
            },
            kinds: &[Kind::WrongAnswer],
            searched: true,
        },
        Row {
            name: "the other branch",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| txn(what).is_some(),
                    |what| {
                        let succeeded = txn(what).unwrap();
                        *succeeded = !*succeeded;
                    },
                )
            },
            kinds: &[Kind::WrongAnswer],
            searched: true,
        },
        Row {
            name: "swapped revisions",
            change: |lines, _| swap_revisions(lines),
            kinds: &[Kind::WrongRevision],
            searched: true,
        },
        Row {
            name: "a revision out of thin air",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| done(what).is_some(),
                    |what| done(what).unwrap().revision = 1 << 40,
                )
            },
            kinds: &[Kind::ImpossibleRevision],
            searched: false,
        },
        Row {
            name: "a compaction that nobody asked for",
            change: |lines, random| {
                one(
                    lines,
                    random,
                    |what| read(what).is_some(),
                    |what| refuse(what, Refusal::Compacted),
                )
            },
            kinds: &[Kind::UnaskedCompaction, Kind::WrongRefusal],
            searched: true,
        },
        Row {
            name: "a future revision that is none",
            change: |lines, random| {
                let latest: Vec<u64> = lines.iter().filter_map(latest_read).collect();
                let fits = |what: &mut What| match what {
                    What::Return { op, .. } => latest.contains(op),
                    _ => false,
                };
                one(lines, random, fits, |what| refuse(what, Refusal::FutureRevision))
            },
            kinds: &[Kind::WrongRefusal],
            searched: true,
        },
        Row {
            name: "a write that was refused and shows",
            change: |lines, random| {
                let reason = "no leader".to_owned();
                one(lines, random, is_put, |what| refuse(what, Refusal::NotServed { reason }))
            },
            kinds: &[Kind::RefusedButDone],
            searched: false,
        },
    ] {
        find(&row);
    }
}

/// The number of a linearizable read that names no revision.
fn latest_read(line: &Line) -> Option<u64> {
    match &line.what {
        What::Invoke { op, request: Request::Range(range), .. } => {
            (!range.serializable && range.revision == 0).then_some(*op)
        }
        _ => None,
    }
}

fn refuse(what: &mut What, refusal: Refusal) {
    let What::Return { outcome, .. } = what else { panic!("no return") };
    *outcome = Outcome::Refused(refusal);
}

/// Two acknowledged puts change places.
fn swap_revisions(lines: &mut [Line]) -> bool {
    let puts: Vec<usize> =
        (0..lines.len()).filter(|index| is_put(&mut lines[*index].what)).collect();
    let number = |line: &Line| match &line.what {
        What::Invoke { op, .. } | What::Return { op, .. } => *op,
        other => panic!("{other:?} is of no operation"),
    };
    // Where they overlap, the swap is a lie to watches alone.
    let invoked = |lines: &[Line], returned: usize| {
        let asks = |line: &&Line| matches!(line.what, What::Invoke { .. });
        let invokes = lines.iter().filter(asks);
        let before = invokes.take_while(|line| number(line) != number(&lines[returned]));
        before.count()
    };
    let Some((first, second)) = puts.iter().find_map(|first| {
        let over = lines[..*first].iter().filter(|line| matches!(line.what, What::Invoke { .. }));
        let over = over.count();
        let second = puts.iter().find(|second| invoked(lines, **second) >= over)?;
        Some((*first, *second))
    }) else {
        return false;
    };
    let revision = |line: &mut Line| done(&mut line.what).unwrap().revision;
    let (one, other) = (revision(&mut lines[first]), revision(&mut lines[second]));
    done(&mut lines[first].what).unwrap().revision = other;
    done(&mut lines[second].what).unwrap().revision = one;
    true
}
