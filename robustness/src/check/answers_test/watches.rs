//! Answers on watches.

use rand::Rng;
use rand::rngs::StdRng;

use super::{Row, find};
use crate::check::Kind;
use crate::history::*;

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
