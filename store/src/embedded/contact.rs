//! When the leader was last heard from, and whether its stream of appends has ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When the others were last heard from, as followers hear their leader.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    heard: Mutex<Option<(u64, Instant)>>,
    /// Whose stream of appends ended last. A leader has ends its own now and then, too.
    ended: watch::Sender<Option<u64>>,
}

/// Held by a stream of appends: tells when it has ended, whichever way.
pub(crate) struct Hearing {
    contact: Arc<Contact>,
    from: u64,
}

impl Contact {
    /// A stream of appends from `from` begins.
    pub fn hear(self: &Arc<Self>, from: u64) -> Hearing {
        Hearing { contact: Arc::clone(self), from }
    }

    pub(super) fn age(&self, leader: u64) -> Option<Duration> {
        self.heard(leader).map(|at| at.elapsed())
    }

    /// When `leader` was last heard.
    pub(super) fn heard(&self, leader: u64) -> Option<Instant> {
        let heard = *self.heard.lock().expect("no code panics while it holds this");
        heard.filter(|(from, _)| *from == leader).map(|(_, at)| at)
    }

    /// News of streams that ended.
    pub(super) fn endings(&self) -> watch::Receiver<Option<u64>> {
        self.ended.subscribe()
    }
}

impl Hearing {
    /// The leader sent something that this member took.
    pub fn note(&self) {
        *self.contact.heard.lock().expect("no code panics while it holds this") =
            Some((self.from, Instant::now()));
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.contact.ended.send_replace(Some(self.from));
    }
}
