//! Names what is wrong with an answer that disagrees with the replay.

use super::replay::Replay;
use crate::check::verdict::{Kind, Violation};
use crate::history::{Body, KeyValue};

/// A read that shows other keys than there were.
pub(super) fn read(
    replay: &Replay<'_>,
    index: usize,
    expected: &Body,
    answered: &Body,
) -> Violation {
    let operation = &replay.context.facts.operations[index];
    let revision = replay.state.space.revision;
    let (Body::Range { kvs: ours, count, more }, Body::Range { kvs: theirs, .. }) =
        (expected, answered)
    else {
        let text = format!("operation {} has an answer of another kind", operation.number);
        return Violation::new(Kind::MalformedHistory, operation.lines(), text);
    };
    let Some((expected, shown)) = first_difference(ours, theirs) else {
        let text = format!(
            "operation {} counts wrongly: at revision {revision} the count is {count}, more {more}",
            operation.number
        );
        return Violation::new(Kind::WrongRead, operation.lines(), text);
    };
    lost(replay, index, expected, shown).unwrap_or_else(|| {
        let text = format!(
            "operation {} read at revision {revision} {}, where {} stood",
            operation.number,
            told(shown),
            told(expected),
        );
        Violation::new(Kind::WrongRead, operation.lines(), text)
    })
}

/// A write whose answer differs, if it does.
pub(super) fn write(
    replay: &Replay<'_>,
    index: usize,
    expected: &Body,
    answered: &Body,
) -> Option<Violation> {
    if expected == answered {
        return None;
    }
    let operation = &replay.context.facts.operations[index];
    let revision = operation.done().map_or(0, |response| response.revision);
    match (expected, answered) {
        (Body::Put { prev_kv: ours }, Body::Put { prev_kv: theirs }) => {
            Some(wrong_prev(replay, index, ours.as_ref(), theirs.as_ref()))
        }
        (
            Body::Delete { deleted: ours, prev_kvs: our_kvs },
            Body::Delete { deleted: theirs, prev_kvs: their_kvs },
        ) if ours == theirs => {
            let (ours, theirs) = first_difference(our_kvs, their_kvs)?;
            Some(wrong_prev(replay, index, ours, theirs))
        }
        (
            Body::Txn { succeeded: ours, responses: our_bodies },
            Body::Txn { succeeded: theirs, responses: their_bodies },
        ) if ours == theirs && our_bodies.len() == their_bodies.len() => {
            let mut bodies = our_bodies.iter().zip(their_bodies);
            bodies.find_map(|(ours, theirs)| write(replay, index, ours, theirs))
        }
        (Body::Range { .. }, Body::Range { .. }) => Some(read(replay, index, expected, answered)),
        _ => {
            let text = format!(
                "operation {} at revision {revision} was answered {}, but did {}",
                operation.number,
                outline(answered),
                outline(expected)
            );
            Some(Violation::new(Kind::WrongAnswer, operation.lines(), text))
        }
    }
}

fn wrong_prev(
    replay: &Replay<'_>,
    index: usize,
    expected: Option<&KeyValue>,
    shown: Option<&KeyValue>,
) -> Violation {
    lost(replay, index, expected, shown).unwrap_or_else(|| {
        let operation = &replay.context.facts.operations[index];
        let text = format!(
            "operation {} was told that {} stood there before, but it was {}",
            operation.number,
            told(shown),
            told(expected)
        );
        Violation::new(Kind::WrongPrevKv, operation.lines(), text)
    })
}

/// If what was expected was acknowledged and nobody ever saw it, it was lost.
fn lost(
    replay: &Replay<'_>,
    index: usize,
    expected: Option<&KeyValue>,
    shown: Option<&KeyValue>,
) -> Option<Violation> {
    let context = replay.context;
    let observer = &context.facts.operations[index];
    let (writer, what) = match (expected, shown) {
        (Some(kv), _) => {
            let writer = context.evidence.writer(&kv.value)?;
            (writer, !context.evidence.is_witnessed(writer))
        }
        (None, Some(kv)) => {
            let revision = replay.state.space.revision;
            let deleted = replay.truth.last_change(&kv.key, revision)?;
            let seen = &context.evidence.revisions[usize::try_from(deleted).ok()?];
            (replay.truth.maker(deleted)?, !seen.has_deletion_of(&kv.key))
        }
        (None, None) => return None,
    };
    let operation = &context.facts.operations[writer];
    // What made this very revision may be wrong about itself, but it is there.
    if !what || writer == index || operation.done().is_none() {
        return None;
    }
    let text = format!(
        "operation {} was acknowledged at revision {}, but operation {} shows {} instead of {}",
        operation.number,
        operation.done().map_or(0, |response| response.revision),
        observer.number,
        told(shown),
        told(expected),
    );
    Some(Violation::new(Kind::LostWrite, operation.lines().chain(observer.lines()), text))
}

/// The first key that two answers in key order do not show alike.
fn first_difference<'a>(
    ours: &'a [KeyValue],
    theirs: &'a [KeyValue],
) -> Option<(Option<&'a KeyValue>, Option<&'a KeyValue>)> {
    let alike = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
    match (ours.get(alike), theirs.get(alike)) {
        (None, None) => None,
        (Some(ours), Some(theirs)) if ours.key < theirs.key => Some((Some(ours), None)),
        (Some(ours), Some(theirs)) if ours.key > theirs.key => Some((None, Some(theirs))),
        (ours, theirs) => Some((ours, theirs)),
    }
}

/// A key-value as people read it.
pub(in crate::check) fn told(kv: Option<&KeyValue>) -> String {
    let Some(kv) = kv else { return "nothing".to_owned() };
    let lease = if kv.lease == 0 { String::new() } else { format!(", lease {}", kv.lease) };
    format!(
        "{:?}={:?} (created {}, modified {}, version {}{lease})",
        kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version
    )
}

/// What an answer says was done.
fn outline(body: &Body) -> String {
    match body {
        Body::Range { count, .. } => format!("a range of {count}"),
        Body::Put { .. } => "a put".to_owned(),
        Body::Delete { deleted, .. } => format!("a deletion of {deleted}"),
        Body::Txn { succeeded, responses } => {
            let inner: Vec<String> = responses.iter().map(outline).collect();
            format!("a transaction (succeeded {succeeded}: {})", inner.join(", "))
        }
        Body::Compact => "a compaction".to_owned(),
        Body::LeaseGrant { .. } => "a grant".to_owned(),
        Body::LeaseRevoke => "a revocation".to_owned(),
        Body::LeaseKeepAlive { .. } => "a keep-alive".to_owned(),
    }
}
