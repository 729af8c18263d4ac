//! The life of one watch.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::Status;
use axum::body::Body;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::error_event;
use super::render::Renderer;
use crate::cache::{Cursor, Entry, Feed, Lagged, ResourceCache};
use crate::rest::Filter;

/// Changes taken from the ring at once. Small, so that a batch of large frames stays small too.
const BATCH: usize = 64;

/// Pause between bookmarks, as upstream: about a minute.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

pub struct WatchStream {
    pub cache: Arc<ResourceCache>,
    pub feed: Arc<Feed>,
    pub filter: Filter,
    pub renderer: Renderer,
    /// Objects that exist already and come first.
    pub initial: std::vec::IntoIter<Arc<Entry>>,
    /// Version of the marked bookmark behind the initial objects.
    pub initial_end: Option<i64>,
    /// Where in the ring the watch stands, or why it cannot stand anywhere.
    pub cursor: Result<Cursor, Lagged>,
    /// Changes up to here are not shown: the client asked for what comes after.
    pub after: i64,
    pub bookmarks: bool,
    pub deadline: Instant,
    /// Ends when the server stops.
    pub stopping: CancellationToken,
}

/// The watch as a streaming body.
pub fn body(watch: WatchStream) -> Body {
    let running = Running {
        woken: watch.cache.subscribe(),
        next_bookmark: Instant::now() + BOOKMARK_INTERVAL,
        ready: VecDeque::new(),
        over: false,
        watch,
    };
    Body::from_stream(futures::stream::unfold(running, |mut running| async move {
        running.next().await.map(|frame| (Ok::<_, Infallible>(frame), running))
    }))
}

struct Running {
    watch: WatchStream,
    woken: watch::Receiver<i64>,
    next_bookmark: Instant,
    ready: VecDeque<Bytes>,
    /// Nothing follows what is ready.
    over: bool,
}

impl Running {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            if let Some(entry) = self.watch.initial.next() {
                return Some(self.watch.renderer.initial(&entry));
            }
            if let Some(revision) = self.watch.initial_end.take() {
                return Some(self.watch.renderer.bookmark(revision, true));
            }
            if self.take_changes() {
                continue;
            }
            self.wait().await;
        }
    }

    /// Takes what the ring has; `false` when the watch is up to date.
    fn take_changes(&mut self) -> bool {
        self.woken.borrow_and_update();
        let read = self.watch.cursor.and_then(|cursor| self.watch.cache.changes(cursor, BATCH));
        let changes = match read {
            Ok((changes, next)) => {
                self.watch.cursor = Ok(next);
                changes
            }
            Err(Lagged { oldest }) => {
                let status = Status::too_old_resource_version(self.watch.after, oldest);
                self.ready.push_back(error_event(&status));
                self.over = true;
                return true;
            }
        };
        for change in changes.iter().filter(|change| change.revision > self.watch.after) {
            if let Some(seen_as) = change.seen_by(|entry| self.watch.filter.matches(entry)) {
                self.ready.push_back(self.watch.renderer.change(change, seen_as));
            }
        }
        if let Some(last) = changes.last() {
            self.watch.after = self.watch.after.max(last.revision);
        }
        !changes.is_empty()
    }

    async fn wait(&mut self) {
        let watch = &self.watch;
        tokio::select! {
            biased;
            () = watch.stopping.cancelled() => self.over = true,
            changed = self.woken.changed() => self.over = changed.is_err(),
            () = tokio::time::sleep_until(watch.deadline) => {
                self.push_bookmark();
                self.over = true;
            }
            () = tokio::time::sleep_until(self.next_bookmark), if watch.bookmarks => {
                self.push_bookmark();
                self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
            }
        }
    }

    /// A bookmark promises that everything up to its version was sent, so the version is read
    /// first and what the ring holds goes out before it.
    fn push_bookmark(&mut self) {
        if !self.watch.bookmarks {
            return;
        }
        let revision = self.watch.feed.revision();
        while !self.over && self.take_changes() {}
        if !self.over && revision >= self.watch.after {
            self.ready.push_back(self.watch.renderer.bookmark(revision, false));
        }
    }
}
