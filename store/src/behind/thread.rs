//! The thread that writes behind.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::{Engine, Op, SledEngine};
use super::layout::*;
use super::mailbox::{Mail, Mailbox, View};
use super::plan::{self, Written};
use super::start::{Held, caught, open_unread, remove};
use crate::mvcc::Identity;
use crate::snapshot::format::Meta;

/// How long a batch gathers what comes after its first change.
const GATHER: Duration = Duration::from_millis(20);

/// A batch is flushed when nothing has followed it for this long.
const QUIET: Duration = Duration::from_secs(2);

/// Bytes written after which a flush does not wait for quiet.
const FLUSH_BYTES: usize = 8 << 20;

/// The store is busy when so many revisions come in so much time. It is given up to 30 s.
const BURST_REVISIONS: i64 = 500;
const BURST_LOOK: Duration = Duration::from_millis(200);
const BURST_LOOKS: usize = 150;

/// An engine that has written so much is closed once it is quiet, and opened again when it is
/// needed: it keeps more in memory than it needs.
const REOPEN_BYTES: usize = 16 << 20;

/// A home is mostly holes when it takes so many times what it holds, and this much beyond. The
/// engine reuses what it freed and never gives it back.
const HOLES: u64 = 3;
const HOLES_FLOOR: u64 = 64 << 20;

/// Revisions folded into the base by one batch.
const FOLD: usize = 1024;

/// Tells whether the log went through the point that a home reaches.
pub type Fits = Box<dyn Fn(&Meta) -> bool + Send>;

/// The home that the thread begins with.
pub enum Home {
    /// Open, and holding what was read from it.
    Open(Box<dyn Engine>, Option<Box<Held>>),
    /// Not opened yet: the thread does it, after a delay that leaves the machine to the start.
    Unopened(Fits, Duration),
}

/// A handle to the thread.
#[derive(Debug)]
pub struct Behind {
    mailbox: Arc<Mailbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
    #[cfg_attr(not(test), allow(dead_code, reason = "tests look at it"))]
    bytes: Arc<AtomicU64>,
}

impl Behind {
    /// Starts writing what comes into `mailbox` to the home in `dir`.
    pub fn start(
        dir: PathBuf,
        identity: Identity,
        home: Home,
        mailbox: Arc<Mailbox>,
    ) -> io::Result<Self> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut writer = Writer::new(dir, identity, home, Arc::clone(&mailbox));
        writer.bytes = Arc::clone(&bytes);
        let thread =
            std::thread::Builder::new().name("store-behind".into()).spawn(move || writer.run())?;
        Ok(Self { mailbox, thread: Mutex::new(Some(thread)), bytes })
    }

    /// Bytes on disk.
    #[cfg_attr(not(test), allow(dead_code, reason = "tests look at it"))]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Writes the last state and ends the thread.
    pub async fn stop(&self) {
        self.mailbox.close();
        let thread = self.thread.lock().expect("no code panics while it holds the handle").take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::warn!("writing state behind ended abnormally");
            }
        }
    }
}

fn is_mostly_holes(bytes: u64, holds: u64) -> bool {
    bytes > HOLES.saturating_mul(holds).saturating_add(HOLES_FLOOR)
}

pub(super) struct Writer {
    dir: PathBuf,
    identity: Identity,
    /// Until the home is opened.
    unopened: Option<(Fits, Duration)>,
    /// `None` before it is opened, and once it has failed twice: then nothing more is written.
    engine: Option<Box<dyn Engine>>,
    /// `None` for a home that holds nothing.
    written: Option<Written>,
    /// Whether the engine was closed to give memory back.
    rests: bool,
    mailbox: Arc<Mailbox>,
    unflushed: usize,
    /// Bytes written since the engine was opened.
    since_open: usize,
    /// Size of the state last written.
    holds: u64,
    bytes: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn new(dir: PathBuf, identity: Identity, home: Home, mailbox: Arc<Mailbox>) -> Self {
        let (unopened, engine, written) = match home {
            Home::Open(engine, held) => (None, Some(engine), held.map(|held| held.written)),
            Home::Unopened(fits, delay) => (Some((fits, delay)), None, None),
        };
        let bytes = Arc::default();
        let rests = false;
        Self {
            dir,
            identity,
            unopened,
            engine,
            written,
            rests,
            mailbox,
            unflushed: 0,
            since_open: 0,
            holds: 0,
            bytes,
        }
    }

    /// Waits until a home is to be opened. Whether the member stops before.
    fn opens_too_late(&self) -> bool {
        match &self.unopened {
            Some((_, delay)) if !delay.is_zero() => self.mailbox.gather(*delay),
            Some(_) | None => false,
        }
    }

    /// Waits while the store is busy, for a while: what it does then matters more than this. The
    /// changes are all in the view whenever it is taken.
    fn after_the_burst(&self, mut view: View) -> View {
        for _ in 0..BURST_LOOKS {
            let before = view.state.revision;
            let closed = self.mailbox.gather(BURST_LOOK);
            let Some(newer) = self.mailbox.take() else { return view };
            view = newer;
            if closed || view.state.revision - before < BURST_REVISIONS {
                return view;
            }
        }
        view
    }

    fn open(&mut self) {
        if let Some((fits, _)) = self.unopened.take() {
            (self.engine, self.written) = open_unread(&self.dir, self.identity, &fits);
        }
    }

    fn run(&mut self) {
        loop {
            let patience = (self.unflushed > 0).then_some(QUIET);
            match self.mailbox.wait(patience) {
                Mail::View(first) => {
                    if self.opens_too_late() {
                        return; // A run this short is replayed as quickly as it is read.
                    }
                    self.open();
                    self.mailbox.gather(GATHER);
                    let latest = self.mailbox.take().unwrap_or(*first);
                    let latest = self.after_the_burst(latest);
                    self.wake();
                    self.guarded(|writer| writer.write(&latest));
                }
                Mail::Quiet => {
                    self.guarded(Self::flush);
                    self.give_back();
                    self.rest();
                }
                Mail::Closed => {
                    if self.engine.is_some()
                        && let Err(error) = caught(|| self.flush())
                    {
                        tracing::warn!(%error, "the last state is not on disk");
                        self.abandon();
                    }
                    let engine = self.engine.take();
                    // sled writes once more when it is dropped.
                    let dropped = caught(|| {
                        drop(engine);
                        Ok(())
                    });
                    if let Err(error) = dropped {
                        tracing::warn!(%error, "state on disk was not closed well");
                    }
                    return;
                }
            }
        }
    }

    /// Runs `work`; on any failure wipes the home, which the next view fills again.
    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.engine.is_none() {
            return;
        }
        let outcome = caught(|| work(self));
        if let Err(error) = outcome {
            tracing::warn!(%error, dir = %self.dir.display(), "state on disk is written anew");
            self.abandon();
            self.wipe();
        }
    }

    /// Leaves an engine that failed as it is, with the memory and files that it holds. Dropped,
    /// sled flushes once more: it waits for the flush that failed, for ever, or ends the process.
    fn abandon(&mut self) {
        std::mem::forget(self.engine.take());
    }

    /// Starts with an empty home when this one is mostly holes. The next view fills it; until then
    /// a start goes by the snapshot and the log.
    fn give_back(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        if self.engine.is_some() && is_mostly_holes(bytes, self.holds) {
            tracing::info!(
                bytes,
                holds = self.holds,
                "state on disk is mostly holes: written anew"
            );
            self.wipe();
            self.bytes.store(0, Ordering::Relaxed);
        }
    }

    /// Closes an engine that has written much. What the home holds is known without it.
    fn rest(&mut self) {
        if self.engine.is_none() || self.written.is_none() || self.since_open < REOPEN_BYTES {
            return;
        }
        self.since_open = 0;
        let engine = self.engine.take();
        let closed = caught(|| {
            drop(engine);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::warn!(%error, "state on disk was not closed well");
            self.written = None;
        }
        self.rests = true;
    }

    /// Opens an engine that was closed to rest.
    fn wake(&mut self) {
        if !std::mem::take(&mut self.rests) {
            return;
        }
        let dir = self.dir.clone();
        match caught(move || SledEngine::open(&dir)) {
            Ok(engine) => self.engine = Some(Box::new(engine)),
            Err(error) => {
                tracing::warn!(%error, dir = %self.dir.display(), "state on disk is written anew");
                self.wipe();
            }
        }
    }

    fn wipe(&mut self) {
        let engine = self.engine.take();
        let dir = self.dir.clone();
        let fresh = caught(move || {
            drop(engine);
            remove(&dir)?;
            SledEngine::open(&dir)
        });
        self.written = None;
        self.unflushed = 0;
        match fresh {
            Ok(engine) => self.engine = Some(Box::new(engine)),
            Err(error) => tracing::warn!(%error, "applied state is not kept on disk any more"),
        }
    }

    fn engine(&mut self) -> &mut dyn Engine {
        self.engine.as_deref_mut().expect("guarded runs nothing without an engine")
    }

    /// Brings the home to `view`.
    pub(super) fn write(&mut self, view: &View) -> io::Result<()> {
        let identity = self.identity;
        if let Some(written) = self.written.take()
            && let Some(written) = self.advance(written, view)?
        {
            self.written = Some(written);
        } else {
            self.clear()?;
            let written = plan::everything(identity, view, |batch| {
                self.apply(batch)?;
                if self.unflushed >= FLUSH_BYTES { self.flush() } else { Ok(()) }
            })?;
            self.written = Some(written);
        }
        self.holds = view.state.size();
        self.fold(view)?;
        if self.unflushed >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Brings the home to `view`, a batch at a time. `None` if it is to be written anew.
    fn advance(&mut self, mut written: Written, view: &View) -> io::Result<Option<Written>> {
        loop {
            let Some(batch) = plan::advance(self.identity, &mut written, view) else {
                return Ok(None);
            };
            self.apply(batch)?;
            if written.revision == view.state.revision {
                return Ok(Some(written));
            }
            if self.unflushed >= FLUSH_BYTES {
                self.flush()?;
            }
        }
    }

    fn apply(&mut self, batch: Vec<Op>) -> io::Result<()> {
        let size = |op: &Op| match op {
            Op::Put(key, value) => key.len() + value.len(),
            Op::Remove(key) => key.len(),
        };
        let bytes = batch.iter().map(size).sum::<usize>().max(1);
        self.unflushed += bytes;
        self.since_open += bytes;
        self.engine().write(batch)
    }

    /// Folds compacted changes into the base, a bounded batch at a time.
    fn fold(&mut self, view: &View) -> io::Result<()> {
        let upto = view.state.compacted;
        let identity = self.identity;
        while let Some(mut written) = self.written.clone().filter(|written| written.folded < upto) {
            let from = changes_key(written.folded.max(0));
            let changes = self.engine().scan(&from, &changes_key(upto + 1), FOLD)?;
            let whole = changes.len() < FOLD;
            let batch = plan::fold(identity, &mut written, view, &changes, upto)
                .ok_or_else(|| io::Error::other("a change is unreadable"))?;
            if whole {
                written.folded = upto;
            }
            self.apply(batch)?;
            self.written = Some(written);
        }
        Ok(())
    }

    /// Empties the home. Its description goes with the first batch, so that what is left by a
    /// crash is never taken for a state.
    fn clear(&mut self) -> io::Result<()> {
        self.apply(vec![Op::Remove(META.to_vec())])?;
        loop {
            let entries = self.engine().scan(b"", &[u8::MAX], FOLD)?;
            if entries.is_empty() {
                return Ok(());
            }
            self.apply(entries.into_iter().map(|(key, _)| Op::Remove(key)).collect())?;
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.engine().flush()?;
        self.unflushed = 0;
        let bytes = self.engine().bytes();
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_home_of_little_is_mostly_holes() {
        const MIB: u64 = 1 << 20;
        for (bytes, holds, expected) in [
            (64, 0, false),
            (65, 0, true),
            (364, 100, false),
            (365, 100, true),
            (0, u64::MAX, false),
        ] {
            let holds = if holds == u64::MAX { holds } else { holds * MIB };
            assert_eq!(is_mostly_holes(bytes * MIB, holds), expected, "{bytes} {holds}");
        }
    }
}
