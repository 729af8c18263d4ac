//! Short histories written down by hand: what is wrong with each has one name.

use super::*;
use crate::history::*;

const SECOND: u64 = 1_000_000_000;

/// Requests one after another, unless told otherwise; each second one.
#[derive(Default)]
struct Story {
    lines: Vec<Line>,
    operations: u64,
}

impl Story {
    fn line(&mut self, what: What) {
        let at = self.lines.len() as u64 * SECOND;
        self.lines.push(Line { at, what });
    }

    fn invoke(&mut self, request: Request) -> u64 {
        self.operations += 1;
        let (op, member) = (self.operations, "m1".to_owned());
        self.line(What::Invoke { op, client: op, member, request });
        op
    }

    fn answer(&mut self, op: u64, revision: i64, body: Body) {
        let outcome = Outcome::Done(Response { revision, body });
        self.line(What::Return { op, outcome });
    }

    fn done(mut self, request: Request, revision: i64, body: Body) -> Self {
        let op = self.invoke(request);
        self.answer(op, revision, body);
        self
    }

    fn refused(mut self, request: Request, refusal: Refusal) -> Self {
        let op = self.invoke(request);
        self.line(What::Return { op, outcome: Outcome::Refused(refusal) });
        self
    }

    fn unanswered(mut self, request: Request) -> Self {
        self.invoke(request);
        self
    }

    fn put(self, key: &str, value: &str, lease: i64, revision: i64) -> Self {
        self.done(put(key, value, lease), revision, Body::Put { prev_kv: None })
    }

    fn watch(mut self, start_revision: i64, answers: Vec<WatchAnswer>) -> Self {
        self.line(What::WatchOpened {
            watch: 1,
            client: 1,
            member: "m1".to_owned(),
            key: "a".to_owned(),
            end: Some("\0".to_owned()),
            start_revision,
            prev_kv: false,
            continues: None,
        });
        self.line(What::WatchAnswered { watch: 1, answer: WatchAnswer::Created { revision: 1 } });
        for answer in answers {
            self.line(What::WatchAnswered { watch: 1, answer });
        }
        self
    }

    fn kinds(&self) -> Vec<Kind> {
        let verdict = check(&self.lines, &Options::default());
        let kinds = verdict.violations.iter().map(|violation| violation.kind);
        kinds.filter(|kind| *kind != Kind::NotLinearizable).collect()
    }
}

fn put(key: &str, value: &str, lease: i64) -> Request {
    let (key, value) = (key.to_owned(), value.to_owned());
    Request::Put(Put { key, value, lease, prev_kv: false })
}

fn delete(key: &str) -> Request {
    Request::Delete(Delete { key: key.to_owned(), end: None, prev_kv: false })
}

fn read(key: &str, revision: i64) -> Request {
    let key = key.to_owned();
    Request::Range(Range { key, revision, ..Range::default() })
}

fn nothing() -> Body {
    Body::Range { kvs: Vec::new(), count: 0, more: false }
}

fn shown(key: &str, value: &str, revision: i64) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: value.to_owned(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: 0,
    }
}

fn found(key: &str, value: &str, revision: i64) -> Body {
    Body::Range { kvs: vec![shown(key, value, revision)], count: 1, more: false }
}

fn events(events: Vec<(bool, KeyValue)>) -> WatchAnswer {
    let revision = events.last().map_or(0, |(_, kv)| kv.mod_revision);
    let events = events.into_iter().map(|(delete, kv)| Event { delete, kv, prev_kv: None });
    WatchAnswer::Events { revision, events: events.collect() }
}

fn deletion(key: &str, mod_revision: i64) -> (bool, KeyValue) {
    (true, KeyValue { key: key.to_owned(), mod_revision, ..KeyValue::default() })
}

fn story() -> Story {
    Story::default()
}

fn grant(story: Story, ttl: i64) -> Story {
    let body = Body::LeaseGrant { id: 7, ttl };
    story.done(Request::LeaseGrant { id: 7, ttl }, 1, body)
}

#[test]
fn stories_that_are_fine() {
    for (name, story) in [
        ("an unanswered put that shows", {
            let story = story().unanswered(put("a", "1", 0));
            story.done(read("a", 0), 2, found("a", "1", 2))
        }),
        ("an unanswered put that does not show", {
            let story = story().unanswered(put("a", "1", 0));
            story.done(read("a", 0), 1, nothing()).put("b", "2", 0, 2)
        }),
        ("an unanswered put that only left a revision", {
            story().unanswered(put("a", "1", 0)).put("a", "2", 0, 3).done(
                read("a", 0),
                3,
                Body::Range {
                    kvs: vec![KeyValue { create_revision: 2, version: 2, ..shown("a", "2", 3) }],
                    count: 1,
                    more: false,
                },
            )
        }),
        ("an unanswered deletion, seen by a watch", {
            let story = story().put("a", "1", 0, 2).unanswered(delete("a"));
            let put = (false, shown("a", "1", 2));
            story.watch(1, vec![events(vec![put]), events(vec![deletion("a", 3)])])
        }),
        ("a lease that ran out in time", {
            let story = grant(story(), 1).put("a", "1", 7, 2);
            story.done(read("a", 0), 3, nothing())
        }),
        ("a revoked lease", {
            let story = grant(story(), 100).put("a", "1", 7, 2);
            let story = story.done(Request::LeaseRevoke { id: 7 }, 3, Body::LeaseRevoke);
            story.refused(put("a", "2", 7), Refusal::LeaseNotFound)
        }),
    ] {
        assert_eq!(story.kinds(), [], "{name}");
    }
}

#[test]
fn stories_that_are_not() {
    for (name, story, kind) in [
        (
            "a read after a write does not see it",
            story().put("a", "1", 0, 2).done(read("a", 0), 1, nothing()),
            Kind::StaleRead,
        ),
        (
            "a write that a read of its revision does not see",
            story().put("a", "1", 0, 2).done(read("a", 0), 2, nothing()),
            Kind::LostWrite,
        ),
        (
            "a write that a complete watch does not see",
            {
                let story = story().put("a", "1", 0, 2).put("b", "2", 0, 3);
                story.watch(2, vec![events(vec![(false, shown("b", "2", 3))])])
            },
            Kind::LostWrite,
        ),
        (
            "two writes at one revision",
            story().put("a", "1", 0, 2).put("b", "2", 0, 2),
            Kind::RevisionClaimedTwice,
        ),
        (
            "a write below what was seen",
            story().put("a", "1", 0, 3).put("b", "2", 0, 2),
            Kind::WriteOutOfOrder,
        ),
        (
            "a deletion that nobody asked for",
            {
                let story = story().put("a", "1", 0, 2).put("b", "2", 0, 4);
                let put = (false, shown("a", "1", 2));
                let deletes = vec![events(vec![put]), events(vec![deletion("a", 3)])];
                // The last request may have been done, but could not have deleted.
                story.unanswered(put_unseen()).watch(1, deletes)
            },
            Kind::UnexplainedChange,
        ),
        (
            "a lease that ends before its time",
            grant(story(), 1000).put("a", "1", 7, 2).done(read("a", 0), 3, nothing()),
            Kind::EarlyExpiry,
        ),
        ("a lease that nobody granted", story().put("a", "1", 7, 2), Kind::UnknownLease),
        (
            "a revoked lease that is used",
            grant(story(), 1000)
                .done(Request::LeaseRevoke { id: 7 }, 1, Body::LeaseRevoke)
                .put("a", "1", 7, 2),
            Kind::LeaseAfterEnd,
        ),
        (
            "a revoked lease that is kept alive",
            grant(story(), 1000).done(Request::LeaseRevoke { id: 7 }, 1, Body::LeaseRevoke).done(
                Request::LeaseKeepAlive { id: 7 },
                1,
                Body::LeaseKeepAlive { id: 7, ttl: 1000 },
            ),
            Kind::LeaseAfterEnd,
        ),
        (
            "a lease that is there and denied",
            grant(story(), 1000).done(
                Request::LeaseKeepAlive { id: 7 },
                1,
                Body::LeaseKeepAlive { id: 7, ttl: 0 },
            ),
            Kind::WrongRefusal,
        ),
        (
            "a read below the compaction",
            story()
                .put("a", "1", 0, 2)
                .put("b", "2", 0, 3)
                .done(Request::Compact { revision: 3 }, 3, Body::Compact)
                .done(read("a", 2), 3, found("a", "1", 2)),
            Kind::ReadBelowCompaction,
        ),
        (
            "a read above the compaction that is refused",
            story()
                .put("a", "1", 0, 2)
                .put("b", "2", 0, 3)
                .done(Request::Compact { revision: 2 }, 3, Body::Compact)
                .refused(read("a", 2), Refusal::Compacted),
            Kind::UnaskedCompaction,
        ),
        (
            "a watch from the compaction on that is ended",
            story()
                .put("a", "1", 0, 2)
                .done(Request::Compact { revision: 2 }, 2, Body::Compact)
                .watch(2, vec![WatchAnswer::Compacted { compact_revision: 2 }]),
            Kind::WatchWronglyCompacted,
        ),
        (
            "a request that is answered twice",
            {
                let mut story = story().put("a", "1", 0, 2);
                story.answer(1, 2, Body::Put { prev_kv: None });
                story
            },
            Kind::MalformedHistory,
        ),
    ] {
        let kinds = story.kinds();
        assert!(kinds.contains(&kind), "{name} is {kind}, not {kinds:?}");
    }
}

fn put_unseen() -> Request {
    put("c", "3", 0)
}
