//! What each watch has been given for certain.

use crate::check::facts::{Facts, Watch};
use crate::check::model::{Change, contains};
use crate::history::*;

impl Watch<'_> {
    /// The first revision whose events belong to this watch; `None` if it never began.
    pub(super) fn first_revision(&self) -> Option<i64> {
        if self.start_revision > 0 {
            return Some(self.start_revision);
        }
        // From now on: after the revision at which the member says that it is there.
        self.answers.iter().find_map(|(_, answer)| match answer {
            WatchAnswer::Created { revision } => Some(revision + 1),
            WatchAnswer::Events { .. }
            | WatchAnswer::Progress { .. }
            | WatchAnswer::Compacted { .. }
            | WatchAnswer::Canceled { .. } => None,
        })
    }

    /// The last revision up to which everything was given.
    pub(super) fn delivered(&self) -> Option<i64> {
        let told = self.answers.iter().filter_map(|(_, answer)| match answer {
            WatchAnswer::Events { events, .. } => {
                events.iter().map(|event| event.kv.mod_revision).max()
            }
            WatchAnswer::Progress { revision } => Some(*revision),
            WatchAnswer::Created { .. }
            | WatchAnswer::Compacted { .. }
            | WatchAnswer::Canceled { .. } => None,
        });
        told.max()
    }

    pub(super) fn covers(&self, key: &str) -> bool {
        contains(self.key, self.end, key)
    }
}

/// The revisions that watches were given, to tell what cannot have happened in them.
pub(in crate::check) struct Coverage<'a> {
    spans: Vec<Span<'a>>,
}

struct Span<'a> {
    watch: &'a Watch<'a>,
    first: i64,
    last: i64,
    /// Revision, key and whether it was deleted; sorted.
    events: Vec<(i64, &'a str, bool)>,
}

impl<'a> Coverage<'a> {
    pub(in crate::check) fn of(facts: &'a Facts<'a>) -> Self {
        let spans = facts.watches.iter().filter_map(|watch| {
            let (first, last) = (watch.first_revision()?, watch.delivered()?);
            (first <= last).then(|| Span { watch, first, last, events: events(watch) })
        });
        Self { spans: spans.collect() }
    }

    /// Whether `changes` at `revision` are what every watch saw that was given that revision.
    pub(in crate::check) fn allows(&self, revision: i64, changes: &[Change]) -> bool {
        let here = self.spans.iter().filter(|span| (span.first..=span.last).contains(&revision));
        here.into_iter().all(|span| span.allows(revision, changes))
    }
}

impl Span<'_> {
    fn allows(&self, revision: i64, changes: &[Change]) -> bool {
        let first = self.events.partition_point(|(at, ..)| *at < revision);
        let count = self.events[first..].partition_point(|(at, ..)| *at == revision);
        let seen = &self.events[first..first + count];
        let mut concerned = 0;
        for change in changes.iter().filter(|change| self.watch.covers(&change.kv.key)) {
            concerned += 1;
            if !seen
                .iter()
                .any(|(_, key, delete)| *key == change.kv.key && *delete == change.delete)
            {
                return false;
            }
        }
        concerned == seen.len()
    }
}

fn events<'a>(watch: &Watch<'a>) -> Vec<(i64, &'a str, bool)> {
    let mut events = Vec::new();
    for (_, answer) in &watch.answers {
        let WatchAnswer::Events { events: told, .. } = answer else { continue };
        events.extend(
            told.iter().map(|event| (event.kv.mod_revision, event.kv.key.as_str(), event.delete)),
        );
    }
    events.sort_unstable();
    events.dedup();
    events
}
