//! Histories of a store that does right, in which one answer is then changed: each change is found,
//! and by its name.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::testing::{Shape, history};
use super::*;
use crate::history::*;

const SEEDS: u64 = 30;
/// Of the seeds, how many must have what a change needs.
const LEAST_CHANGED: usize = 10;

struct Row {
    name: &'static str,
    /// Changes the history; whether there was something to change.
    change: fn(&mut Vec<Line>, &mut StdRng) -> bool,
    /// One of these is named.
    kinds: &'static [Kind],
    /// Whether the search finds it, too.
    searched: bool,
}

fn shape() -> Shape {
    Shape { unanswered: 0, compactions: false, ..Shape::default() }
}

fn find(row: &Row) {
    let mut changed = 0;
    for seed in 0..SEEDS {
        let mut lines = history(seed, shape());
        if !(row.change)(&mut lines, &mut StdRng::seed_from_u64(seed)) {
            continue;
        }
        changed += 1;
        let searched_operations = if row.searched { lines.len() } else { 0 };
        let options = Options { searched_operations, ..Options::default() };
        let verdict = check(&lines, &options);
        assert!(
            row.kinds.iter().any(|kind| verdict.names(*kind)),
            "{} of seed {seed} is not named: {verdict}",
            row.name
        );
        assert!(
            !row.searched || verdict.search == Search::Violation,
            "{} of seed {seed} is not found by search: {verdict}",
            row.name
        );
    }
    assert!(changed >= LEAST_CHANGED, "{} changed {changed} histories", row.name);
}

/// Picks one of the lines for which `with` can do its change, and does it.
fn one(
    lines: &mut [Line],
    random: &mut StdRng,
    fits: impl Fn(&mut What) -> bool,
    change: impl FnOnce(&mut What),
) -> bool {
    let fit: Vec<usize> = (0..lines.len()).filter(|index| fits(&mut lines[*index].what)).collect();
    if fit.is_empty() {
        return false;
    }
    change(&mut lines[fit[random.random_range(0..fit.len())]].what);
    true
}

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

/// The first watch, which sees everything, and its answers with events.
fn events(lines: &[Line]) -> Vec<usize> {
    (0..lines.len())
        .filter(|index| {
            matches!(
                &lines[*index].what,
                What::WatchAnswered { watch: 1, answer: WatchAnswer::Events { .. } }
            )
        })
        .collect()
}

fn told(line: &mut Line) -> &mut Vec<Event> {
    match &mut line.what {
        What::WatchAnswered { answer: WatchAnswer::Events { events, .. }, .. } => events,
        other => panic!("{other:?} has no events"),
    }
}

/// Changes one of the first watch's answers with events, but the last, so that later ones follow.
fn event(
    lines: &mut Vec<Line>,
    random: &mut StdRng,
    fits: impl Fn(&[Event]) -> bool,
    change: impl FnOnce(&mut Vec<Line>, usize),
) -> bool {
    let mut fit = events(lines);
    fit.pop();
    fit.retain(|index| fits(told(&mut lines[*index])));
    if fit.is_empty() {
        return false;
    }
    let index = fit[random.random_range(0..fit.len())];
    change(lines, index);
    true
}

#[test]
fn wrong_answers_on_watches_are_found() {
    let rows = [
        Row {
            name: "a missed event",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| _ = lines.remove(index))
            },
            kinds: &[Kind::WatchMissedEvent, Kind::LostWrite],
            searched: false,
        },
        Row {
            name: "an answer that came twice",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    lines.insert(index, lines[index].clone());
                })
            },
            kinds: &[Kind::WatchDuplicate],
            searched: false,
        },
        Row {
            name: "answers in another order",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let later = events(lines).into_iter().find(|later| *later > index).unwrap();
                    let moved = lines.remove(index);
                    lines.insert(later, moved);
                })
            },
            kinds: &[Kind::WatchUnordered, Kind::WatchProgressOvertook],
            searched: false,
        },
        Row {
            name: "a revision in two answers",
            change: |lines, random| {
                event(
                    lines,
                    random,
                    |events| events.len() > 1,
                    |lines, index| {
                        let mut rest = lines[index].clone();
                        told(&mut lines[index]).truncate(1);
                        told(&mut rest).remove(0);
                        lines.insert(index + 1, rest);
                    },
                )
            },
            kinds: &[Kind::WatchSplitRevision],
            searched: false,
        },
        Row {
            name: "progress before its events",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let revision = told(&mut lines[index])[0].kv.mod_revision;
                    let answer = WatchAnswer::Progress { revision };
                    let what = What::WatchAnswered { watch: 1, answer };
                    let at = lines[index].at;
                    lines.insert(index, Line { at, what });
                })
            },
            kinds: &[Kind::WatchProgressOvertook],
            searched: false,
        },
        Row {
            name: "an event without its prev_kv",
            change: |lines, random| {
                let has = |events: &[Event]| events[0].prev_kv.is_some();
                event(lines, random, has, |lines, index| {
                    told(&mut lines[index])[0].prev_kv = None;
                })
            },
            kinds: &[Kind::WatchWrongPrevKv],
            searched: false,
        },
        Row {
            name: "an event with a wrong prev_kv",
            change: |lines, random| {
                let has = |events: &[Event]| events[0].prev_kv.is_some();
                event(lines, random, has, |lines, index| {
                    told(&mut lines[index])[0].prev_kv.as_mut().unwrap().version += 1;
                })
            },
            kinds: &[Kind::WatchWrongPrevKv],
            searched: false,
        },
        Row {
            name: "a re-creation told as a change",
            change: |lines, random| {
                let created = |events: &[Event]| events[0].kv.version == 1;
                event(lines, random, created, |lines, index| {
                    let kv = &mut told(&mut lines[index])[0].kv;
                    (kv.version, kv.create_revision) = (2, kv.create_revision - 1);
                })
            },
            kinds: &[Kind::WatchWrongEvent],
            searched: false,
        },
        Row {
            name: "a deletion that was none",
            change: |lines, random| {
                let put = |events: &[Event]| !events.iter().any(|event| event.kv.key == "e");
                event(lines, random, put, |lines, index| {
                    let events = told(&mut lines[index]);
                    let mod_revision = events[0].kv.mod_revision;
                    let kv = KeyValue { key: "e".to_owned(), mod_revision, ..KeyValue::default() };
                    events.push(Event { delete: true, kv, prev_kv: None });
                })
            },
            kinds: &[Kind::WatchInventedEvent],
            searched: false,
        },
        Row {
            name: "an event outside the range",
            change: |lines, _| {
                let told = events(lines);
                if !told.iter().any(|index| tells_of_a_key_below(&mut lines[*index], "b/0")) {
                    return false;
                }
                let Some(opened) = lines.iter_mut().find_map(|line| match &mut line.what {
                    What::WatchOpened { watch: 1, key, .. } => Some(key),
                    _ => None,
                }) else {
                    return false;
                };
                "b/0".clone_into(opened);
                true
            },
            kinds: &[Kind::WatchUnfiltered],
            searched: false,
        },
        Row {
            name: "an event from before the start",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let revision = told(&mut lines[index])[0].kv.mod_revision;
                    for line in lines {
                        if let What::WatchOpened { watch: 1, start_revision, .. } = &mut line.what {
                            *start_revision = revision + 1;
                        }
                    }
                })
            },
            kinds: &[Kind::WatchBeforeStart],
            searched: false,
        },
        Row {
            name: "an event before the watch was there",
            change: |lines, _| {
                let created = lines.iter().position(|line| {
                    matches!(
                        line.what,
                        What::WatchAnswered { watch: 1, answer: WatchAnswer::Created { .. } }
                    )
                });
                !events(lines).is_empty() && created.map(|index| lines.remove(index)).is_some()
            },
            kinds: &[Kind::WatchMisplacedAnswer],
            searched: false,
        },
        Row {
            name: "an end by a compaction that nobody asked for",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let answer = WatchAnswer::Compacted { compact_revision: 2 };
                    let what = What::WatchAnswered { watch: 1, answer };
                    let at = lines[index].at;
                    lines.insert(index, Line { at, what });
                })
            },
            kinds: &[Kind::UnaskedCompaction],
            searched: false,
        },
        Row {
            name: "a watch that goes on too late",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let revision = told(&mut lines[index])[0].kv.mod_revision;
                    split_watch(lines, index, revision + 1);
                })
            },
            kinds: &[Kind::WatchNotResumed],
            searched: false,
        },
        Row {
            name: "a watch that goes on too early",
            change: |lines, random| {
                event(lines, random, any_event, |lines, index| {
                    let first = events(lines)[0];
                    let revision = told(&mut lines[first])[0].kv.mod_revision;
                    if index > first {
                        split_watch(lines, index, revision);
                    } else {
                        split_watch(lines, index + 1, revision);
                    }
                })
            },
            kinds: &[Kind::WatchNotResumed],
            searched: false,
        },
    ];
    for row in &rows {
        find(row);
    }
}

fn tells_of_a_key_below(line: &mut Line, key: &str) -> bool {
    told(line).iter().any(|event| event.kv.key.as_str() < key)
}

fn any_event(_: &[Event]) -> bool {
    true
}

/// Makes watch 1 break before line `index`, and another go on with it from `start_revision`.
fn split_watch(lines: &mut Vec<Line>, index: usize, start_revision: i64) {
    const OTHER: u64 = 1000;
    let at = lines[index].at;
    for line in &mut lines[index..] {
        match &mut line.what {
            What::WatchAnswered { watch, .. } | What::WatchClosed { watch, .. } if *watch == 1 => {
                *watch = OTHER;
            }
            What::WatchOpened { continues: Some(continues), .. } if *continues == 1 => {
                *continues = OTHER;
            }
            _ => {}
        }
    }
    let opened = What::WatchOpened {
        watch: OTHER,
        client: 1,
        member: "m3".to_owned(),
        key: "\0".to_owned(),
        end: Some("\0".to_owned()),
        start_revision,
        prev_kv: true,
        continues: Some(1),
    };
    let created = WatchAnswer::Created { revision: 1 };
    let created = What::WatchAnswered { watch: OTHER, answer: created };
    lines.insert(index, Line { at, what: created });
    lines.insert(index, Line { at, what: opened });
}
