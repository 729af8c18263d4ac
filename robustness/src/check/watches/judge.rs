//! Compares what came on each watch with what happened.

use std::collections::HashMap;

use crate::check::compactions::Compactions;
use crate::check::evidence::Evidence;
use crate::check::facts::{Facts, Watch};
use crate::check::model::Change;
use crate::check::revisions::{Truth, told};
use crate::check::verdict::{Kind, Violation};
use crate::history::*;

/// Violations of one watch beyond which it is not looked at any further: it has proved its point,
/// and what was missed is looked for in all that came.
const VIOLATIONS_PER_WATCH: usize = 100;

/// Judges every watch by `truth`.
pub(in crate::check) fn judge(
    facts: &Facts<'_>,
    evidence: &Evidence<'_>,
    truth: &Truth,
    compactions: &Compactions,
) -> Vec<Violation> {
    let by_number: HashMap<u64, &Watch<'_>> =
        facts.watches.iter().map(|watch| (watch.number, watch)).collect();
    let mut violations = Vec::new();
    for watch in &facts.watches {
        let first = watch.first_revision();
        let mut judge = Judge {
            facts,
            evidence,
            truth,
            compactions,
            watch,
            created: false,
            ended: false,
            next: first,
            floor: first,
            progress: None,
            found: 0,
            violations: &mut violations,
        };
        for (line, answer) in &watch.answers {
            judge.answer(*line, answer);
        }
        judge.continuation(&by_number);
    }
    violations
}

/// One watch, as far as it was read.
struct Judge<'a> {
    facts: &'a Facts<'a>,
    evidence: &'a Evidence<'a>,
    truth: &'a Truth,
    compactions: &'a Compactions,
    watch: &'a Watch<'a>,
    created: bool,
    ended: bool,
    /// The first revision that was not given yet; `None` before the watch has begun.
    next: Option<i64>,
    /// The first revision that belongs to the watch.
    floor: Option<i64>,
    /// The last progress, and its line.
    progress: Option<(i64, usize)>,
    found: usize,
    violations: &'a mut Vec<Violation>,
}

impl Judge<'_> {
    fn answer(&mut self, line: usize, answer: &WatchAnswer) {
        if self.found >= VIOLATIONS_PER_WATCH {
            return;
        }
        if self.ended {
            self.add(Kind::WatchMisplacedAnswer, [line], "was answered after it had ended");
        }
        match answer {
            WatchAnswer::Created { .. } if self.created => {
                self.add(Kind::WatchMisplacedAnswer, [line], "was created twice");
            }
            WatchAnswer::Created { .. } => self.created = true,
            WatchAnswer::Events { revision, events } => {
                self.must_be_created(line);
                self.events(line, *revision, events);
            }
            WatchAnswer::Progress { revision } => {
                self.must_be_created(line);
                self.complete_up_to(*revision, line);
                self.progress = Some((*revision, line));
            }
            WatchAnswer::Compacted { compact_revision } => {
                self.compacted(line, *compact_revision);
                self.ended = true;
            }
            WatchAnswer::Canceled { .. } => self.ended = true,
        }
    }

    fn must_be_created(&mut self, line: usize) {
        if !self.created {
            self.add(Kind::WatchMisplacedAnswer, [line], "was answered before it was created");
            self.created = true;
        }
    }

    fn events(&mut self, line: usize, header: i64, events: &[Event]) {
        if events.is_empty() {
            self.add(Kind::WatchMisplacedAnswer, [line], "was answered without events");
        }
        let last = events.last().map_or(0, |event| event.kv.mod_revision);
        if header < last {
            let text = format!("was answered at revision {header} with an event of {last}");
            self.add(Kind::WatchWrongEvent, [line], text);
        }
        for group in events.chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision) {
            self.revision(line, group[0].kv.mod_revision, group);
        }
    }

    /// The events of one revision that stand side by side in an answer.
    fn revision(&mut self, line: usize, revision: i64, events: &[Event]) {
        let (truth, watch) = (self.truth, self.watch);
        let changes = truth.at(revision);
        let mut known: Vec<&Event> = Vec::new();
        for event in events {
            if known.iter().any(|other| other.kv.key == event.kv.key) {
                let text = format!("was told of {:?} at {revision} twice", event.kv.key);
                self.add(Kind::WatchDuplicate, [line], text);
                continue;
            }
            known.push(event);
            self.event(line, event, changes);
        }
        if self.misplaced(line, revision, &known) {
            return;
        }
        self.complete_up_to(revision - 1, line);
        for change in changes.iter().filter(|change| watch.covers(&change.kv.key)) {
            if !known.iter().any(|event| event.kv.key == change.kv.key) {
                self.missed(revision, change, line);
            }
        }
        self.next = Some(revision + 1);
    }

    /// Whether events of `revision` may not come at this place.
    fn misplaced(&mut self, line: usize, revision: i64, events: &[&Event]) -> bool {
        let Some(next) = self.next else { return true };
        if revision >= next {
            return false;
        }
        let Some(first) = events.first() else { return true };
        let key = &first.kv.key;
        if self.floor.is_some_and(|floor| revision < floor) {
            let text = format!("begins at {next}, but was told of {key:?} at {revision}");
            self.add(Kind::WatchBeforeStart, [line], text);
            return true;
        }
        let earlier = self.earlier(line, revision);
        let again = |event: &&Event| earlier.iter().any(|(_, key)| *key == event.kv.key);
        if events.iter().any(again) {
            let text = format!("was told of {key:?} at {revision} again");
            let lines = earlier.iter().map(|(line, _)| *line).chain([line]);
            self.add(Kind::WatchDuplicate, lines.collect::<Vec<_>>(), text);
        } else if !earlier.is_empty() && revision + 1 == next {
            let text = format!("was told of revision {revision} in more than one answer");
            let lines = earlier.iter().map(|(line, _)| *line).chain([line]);
            self.add(Kind::WatchSplitRevision, lines.collect::<Vec<_>>(), text);
        } else if let Some((progress, told)) = self.progress.filter(|(at, _)| *at >= revision) {
            let text = format!(
                "was told that all up to {progress} was sent, and then of {key:?} at {revision}"
            );
            self.add(Kind::WatchProgressOvertook, [told, line], text);
        } else {
            let text = format!("was told of {key:?} at {revision} after {}", next - 1);
            self.add(Kind::WatchUnordered, [line], text);
        }
        true
    }

    /// Lines and keys of the events of `revision` that came before line `line`, or earlier in it
    /// but not beside the others.
    fn earlier(&self, line: usize, revision: i64) -> Vec<(usize, &str)> {
        let mut earlier = Vec::new();
        for (at, answer) in self.watch.answers.iter().take_while(|(at, _)| *at < line) {
            let WatchAnswer::Events { events, .. } = answer else { continue };
            let here = events.iter().filter(|event| event.kv.mod_revision == revision);
            earlier.extend(here.map(|event| (*at, event.kv.key.as_str())));
        }
        earlier
    }

    fn event(&mut self, line: usize, event: &Event, changes: &[Change]) {
        let (key, revision) = (&event.kv.key, event.kv.mod_revision);
        if !self.watch.covers(key) {
            let text = format!("was told of {key:?}, which lies outside its range");
            return self.add(Kind::WatchUnfiltered, [line], text);
        }
        let Some(change) = changes.iter().find(|change| change.kv.key == *key) else {
            let text = format!("was told that {key:?} changed at {revision}, which it did not");
            return self.add(Kind::WatchInventedEvent, [line], text);
        };
        if change.delete != event.delete || *change.kv != event.kv {
            let text = format!(
                "was told of {} {}, but it was {} {}",
                verb(event.delete),
                told(Some(&event.kv)),
                verb(change.delete),
                told(Some(&change.kv))
            );
            return self.add(Kind::WatchWrongEvent, [line], text);
        }
        if let Some(text) = self.wrong_prev(line, event, change) {
            self.add(Kind::WatchWrongPrevKv, [line], text);
        }
    }

    fn wrong_prev(&self, line: usize, event: &Event, change: &Change) -> Option<String> {
        let (key, revision) = (&event.kv.key, event.kv.mod_revision);
        match (&event.prev_kv, &change.prev) {
            (None, None) => None,
            (Some(_), _) if !self.watch.prev_kv => {
                Some(format!("did not ask for what {key:?} was before {revision}, but was told"))
            }
            (Some(shown), Some(prev)) if *shown == **prev => None,
            (Some(shown), prev) => Some(format!(
                "was told that before {revision} stood {}, but it was {}",
                told(Some(shown)),
                told(prev.as_deref())
            )),
            // Compaction takes what its revision replaced.
            (None, Some(_))
                if !self.watch.prev_kv || self.compactions.may_reach(revision, line) =>
            {
                None
            }
            (None, Some(prev)) => {
                Some(format!("was not told that before {revision} stood {}", told(Some(prev))))
            }
        }
    }

    /// Everything up to `revision` must have been given by now.
    fn complete_up_to(&mut self, revision: i64, line: usize) {
        let Some(next) = self.next else { return };
        let (truth, watch) = (self.truth, self.watch);
        for at in next..=revision {
            if self.found >= VIOLATIONS_PER_WATCH {
                return;
            }
            for change in truth.at(at).iter().filter(|change| watch.covers(&change.kv.key)) {
                self.missed(at, change, line);
            }
        }
        self.next = Some(next.max(revision + 1));
    }

    /// An event did not come before line `line`, which tells of later ones. It may still come.
    fn missed(&mut self, revision: i64, change: &Change, line: usize) {
        let mut later = self.watch.answers.iter().filter(|(at, _)| *at >= line);
        let comes = later.any(|(_, answer)| match answer {
            WatchAnswer::Events { events, .. } => events
                .iter()
                .any(|event| event.kv.mod_revision == revision && event.kv.key == change.kv.key),
            WatchAnswer::Created { .. }
            | WatchAnswer::Progress { .. }
            | WatchAnswer::Compacted { .. }
            | WatchAnswer::Canceled { .. } => false,
        });
        if comes {
            return; // It is told of where it comes.
        }
        let key = &change.kv.key;
        if let Some(lost) = self.lost(revision, change) {
            let operation = &self.facts.operations[lost];
            let text = format!(
                "operation {} was acknowledged at revision {revision}, but watch {} went on past \
                 it without {key:?}, and it shows nowhere",
                operation.number, self.watch.number
            );
            let lines = operation.lines().chain([line]);
            self.found += 1;
            return self.violations.push(Violation::new(Kind::LostWrite, lines, text));
        }
        let text = format!(
            "was not told of {} {key:?} at {revision}, but of later ones",
            verb(change.delete)
        );
        self.add(Kind::WatchMissedEvent, [line], text);
    }

    /// The acknowledged put that made `change`, if nobody was ever shown it.
    fn lost(&self, revision: i64, change: &Change) -> Option<usize> {
        let maker = self.truth.maker(revision)?;
        let acknowledged = self.facts.operations[maker].done().is_some();
        let unseen = !change.delete && !self.evidence.is_witnessed(maker);
        (acknowledged && unseen).then_some(maker)
    }

    fn compacted(&mut self, line: usize, revision: i64) {
        if !self.compactions.asked_for(revision, line) {
            let text = format!("was ended by a compaction of {revision}, for which nobody asked");
            self.add(Kind::UnaskedCompaction, [line], text);
        }
        if let Some(next) = self.next.filter(|next| *next >= revision) {
            let text = format!(
                "was ended by a compaction of {revision}, but its next event would be from {next}"
            );
            self.add(Kind::WatchWronglyCompacted, [line], text);
        }
    }

    /// A watch that goes on with another begins where that ended.
    fn continuation(&mut self, by_number: &HashMap<u64, &Watch<'_>>) {
        let Some(number) = self.watch.continues else { return };
        let opened = self.watch.opened;
        let Some(before) = by_number.get(&number).filter(|before| before.opened < opened) else {
            let text = format!("goes on with watch {number}, which was not opened before");
            return self.add(Kind::MalformedHistory, [opened], text);
        };
        let given = before.delivered().or(before.first_revision().map(|first| first - 1));
        let (Some(given), Some(first)) = (given, self.watch.first_revision()) else { return };
        let last_event = before.last_event();
        if let Some(last) = last_event.filter(|last| *last >= first) {
            let text = format!("goes on with watch {number} at {first}, which had given {last}");
            return self.add(Kind::WatchNotResumed, [opened], text);
        }
        let (truth, watch) = (self.truth, self.watch);
        for at in given + 1..first {
            if let Some(change) = truth.at(at).iter().find(|change| watch.covers(&change.kv.key)) {
                let text = format!(
                    "goes on with watch {number} at {first}, which had given all up to {given}: \
                     {:?} at {at} is missing",
                    change.kv.key
                );
                return self.add(Kind::WatchNotResumed, [opened], text);
            }
        }
    }

    fn add(&mut self, kind: Kind, lines: impl IntoIterator<Item = usize>, text: impl Into<String>) {
        let text = format!("watch {} {}", self.watch.number, text.into());
        self.found += 1;
        self.violations.push(Violation::new(kind, lines, text));
    }
}

impl Watch<'_> {
    fn last_event(&self) -> Option<i64> {
        let told = self.answers.iter().filter_map(|(_, answer)| match answer {
            WatchAnswer::Events { events, .. } => {
                events.iter().map(|event| event.kv.mod_revision).max()
            }
            WatchAnswer::Created { .. }
            | WatchAnswer::Progress { .. }
            | WatchAnswer::Compacted { .. }
            | WatchAnswer::Canceled { .. } => None,
        });
        told.max()
    }
}

fn verb(delete: bool) -> &'static str {
    if delete { "the deletion of" } else { "the put of" }
}
