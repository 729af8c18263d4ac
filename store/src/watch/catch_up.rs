//! Feeds one watcher from history until it is level with the hub.

use std::sync::Weak;

use tokio::sync::mpsc;

use super::hub::{Attach, Hub, item};
use super::index::WatcherId;
use crate::types::*;

/// Revisions taken from one published state before a newer one is looked at. Bounds how long an
/// old state is kept alive by a slow watcher.
const REVISIONS_PER_STATE: usize = 256;

pub(super) struct CatchUp {
    pub(super) hub: Weak<Hub>,
    pub(super) id: WatcherId,
    pub(super) range: KeyRange,
    /// First revision that the watcher has not been given.
    pub(super) next: i64,
    pub(super) sender: mpsc::Sender<WatchItem>,
}

enum Step {
    Send(Vec<WatchItem>),
    Compacted(i64),
    Done,
}

impl CatchUp {
    /// Runs until the watcher is synced, gone, or overtaken by compaction.
    pub(super) async fn run(mut self) {
        loop {
            let items = match self.step() {
                Step::Done => return,
                Step::Compacted(compact_revision) => {
                    // The receiver may be gone already, which ends the watch just as well.
                    let _ = self.sender.send(WatchItem::Compacted { compact_revision }).await;
                    if let Some(hub) = self.hub.upgrade() {
                        hub.end(self.id);
                    }
                    return;
                }
                Step::Send(items) => items,
            };
            for item in items {
                if self.sender.send(item).await.is_err() {
                    if let Some(hub) = self.hub.upgrade() {
                        hub.end(self.id);
                    }
                    return;
                }
            }
        }
    }

    /// What to send next. Holds neither lock nor state when it returns.
    fn step(&mut self) -> Step {
        let Some(hub) = self.hub.upgrade() else { return Step::Done };
        let state = hub.state();
        if planted!(EventsLostToCompaction) {
            self.next = self.next.max(state.compacted);
        }
        if self.next < state.compacted {
            return Step::Compacted(state.compacted);
        }
        let mut items = Vec::new();
        let mut seen = 0;
        for (revision, changes) in state.changes_from(self.next).take(REVISIONS_PER_STATE) {
            items.extend(item(&self.range, revision, changes));
            self.next = revision + 1;
            seen += 1;
        }
        if seen < REVISIONS_PER_STATE {
            self.next = self.next.max(state.revision + 1);
        }
        if !items.is_empty() || seen == REVISIONS_PER_STATE {
            return Step::Send(items);
        }
        match hub.try_attach(self.id, self.next) {
            Attach::Done => Step::Done,
            Attach::Progress(revision) => Step::Send(vec![WatchItem::Progress { revision }]),
            // A newer state is published before the hub hears of it, so the next look sees more.
            Attach::Behind => Step::Send(Vec::new()),
        }
    }
}
