//! Watches on the world.

use rand::Rng;

use super::{Watching, World};
use crate::check::model::contains;
use crate::history::*;

impl World {
    pub(super) fn open(&mut self, continues: Option<(u64, i64)>, everything: bool, start: i64) {
        self.opened += 1;
        let number = self.opened;
        let (key, end) = if everything {
            ("\0".to_owned(), Some("\0".to_owned()))
        } else {
            (self.key(), self.end())
        };
        let prev_kv = everything || self.chance(60);
        let start_revision = continues.map_or(start, |(_, next)| next);
        let watching = Watching { number, key, end, prev_kv, next: start_revision };
        self.watch_opened(watching, continues.map(|(watch, _)| watch));
    }

    fn watch_opened(&mut self, mut watching: Watching, continues: Option<u64>) {
        let Watching { number: watch, key, end, prev_kv, next } = &watching;
        let (watch, start_revision) = (*watch, *next);
        self.record(What::WatchOpened {
            watch,
            client: 100 + watch,
            member: "m2".to_owned(),
            key: key.clone(),
            end: end.clone(),
            start_revision,
            prev_kv: *prev_kv,
            continues,
        });
        let revision = self.revision();
        self.record(What::WatchAnswered { watch, answer: WatchAnswer::Created { revision } });
        if start_revision == 0 {
            watching.next = revision + 1;
        }
        self.watches.push(watching);
    }

    pub(super) fn watch(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        let index = self.random.random_range(0..self.watches.len());
        match self.random.random_range(0..20) {
            0 => self.resume(index),
            1 if index > 0 => {
                self.watches.remove(index);
                self.open(None, false, 0);
            }
            _ => {
                let most = self.random.random_range(1..4);
                self.deliver(index, most);
            }
        }
    }

    /// The stream breaks, and another goes on with it.
    fn resume(&mut self, index: usize) {
        let broken = self.watches.remove(index);
        let (watch, reason) = (broken.number, "reset".to_owned());
        self.record(What::WatchClosed { watch, reason });
        self.opened += 1;
        // The first stays the first.
        let watching = Watching { number: self.opened, ..broken };
        self.watch_opened(watching, Some(watch));
        let last = self.watches.pop().expect("just opened");
        self.watches.insert(index, last);
    }

    pub(super) fn deliver(&mut self, index: usize, most: usize) {
        let Watching { number: watch, next, .. } = self.watches[index];
        if next < self.compacted {
            let compact_revision = self.compacted;
            let answer = WatchAnswer::Compacted { compact_revision };
            self.record(What::WatchAnswered { watch, answer });
            let everything = index == 0;
            self.watches.remove(index);
            self.open(None, everything, compact_revision);
            let last = self.watches.pop().expect("just opened");
            return self.watches.insert(index, last);
        }
        let watching = &self.watches[index];
        let mut told = 0;
        let mut answers = Vec::new();
        let mut after = watching.next;
        for (revision, changes) in self.changes.range(next..) {
            let events: Vec<Event> = changes
                .iter()
                .filter(|change| contains(&watching.key, watching.end.as_deref(), &change.kv.key))
                .map(|change| Event {
                    delete: change.delete,
                    kv: KeyValue::clone(&change.kv),
                    prev_kv: change
                        .prev
                        .as_ref()
                        .filter(|_| watching.prev_kv && *revision > self.compacted)
                        .map(|kv| KeyValue::clone(kv)),
                })
                .collect();
            if !events.is_empty() {
                answers.push(WatchAnswer::Events { revision: *revision, events });
                told += 1;
            }
            after = revision + 1;
            if told == most {
                break;
            }
        }
        self.watches[index].next = after;
        for answer in answers {
            self.record(What::WatchAnswered { watch, answer });
        }
        let revision = self.revision();
        if after > revision && self.chance(30) {
            self.watches[index].next = revision + 1;
            self.record(What::WatchAnswered { watch, answer: WatchAnswer::Progress { revision } });
        }
    }
}
