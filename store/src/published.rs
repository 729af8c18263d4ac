//! What the state machine shows to everyone else.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use crate::auth::Tokens;
use crate::behind::{Mailbox, View};
use crate::care::Space;
use crate::lease::Keeper;
use crate::meters::Meters;
use crate::mvcc::{Identity, State};
use crate::raft::types::{LogId, StoredMembership, term_of};
use crate::raft::waiters::Waiters;
use crate::types::*;
use crate::watch::Hub;

/// The latest applied state with what belongs to it. Written by the state machine alone, read by
/// anyone without waiting.
#[derive(Debug)]
pub struct Published {
    pub identity: Identity,
    pub state: Arc<ArcSwap<State>>,
    pub membership: ArcSwap<StoredMembership>,
    pub hub: Arc<Hub>,
    pub keeper: Arc<Keeper>,
    pub meters: Meters,
    /// The simple tokens that this member knows.
    pub tokens: Tokens,
    /// Where the write-behind home looks, if there is one.
    pub mailbox: OnceLock<Arc<Mailbox>>,
    /// Told when the state machine wants a snapshot taken.
    pub snapshot_due: Notify,
    /// How much the store takes.
    pub space: Space,
    /// Proposals that this member forwarded and answers once it has applied them.
    pub waiters: Waiters,
    /// Whether this member is the only one and leads: then what is published holds all that was
    /// ever acknowledged. Cleared before a change that adds a member is proposed.
    pub alone: AtomicBool,
    /// Whether this member leads, as far as it knows.
    pub leads: AtomicBool,
    /// The greatest term that is known.
    term: AtomicU64,
    /// The term of the last applied entry. Told after the waiters of earlier entries are answered.
    applied_term: watch::Sender<u64>,
    applied_index: AtomicU64,
    applied_moved: Notify,
    /// How many wait for `applied_moved`, so that nobody is told where nobody waits.
    applied_waiters: AtomicUsize,
}

impl Published {
    pub fn new(identity: Identity, keeper: Arc<Keeper>, tokens: Tokens) -> Self {
        let state = Arc::new(ArcSwap::from_pointee(State::default()));
        Self {
            identity,
            hub: Hub::new(Arc::clone(&state)),
            state,
            membership: ArcSwap::default(),
            keeper,
            meters: Meters::default(),
            tokens,
            mailbox: OnceLock::new(),
            snapshot_due: Notify::new(),
            space: Space::default(),
            waiters: Waiters::default(),
            alone: AtomicBool::new(false),
            leads: AtomicBool::new(false),
            term: AtomicU64::new(0),
            applied_term: watch::Sender::new(0),
            applied_index: AtomicU64::new(0),
            applied_moved: Notify::new(),
            applied_waiters: AtomicUsize::new(0),
        }
    }

    pub fn publish(&self, state: State, applied: &LogId, membership: &StoredMembership) {
        if self.membership.load().log_id() != membership.log_id() {
            self.membership.store(Arc::new(membership.clone()));
        }
        self.note_term(term_of(applied));
        if let Some(mailbox) = self.mailbox.get() {
            let membership = self.membership.load_full();
            mailbox.put(View { applied: *applied, membership, state: state.clone() });
        }
        self.space.observe(&state);
        self.state.store(Arc::new(state));
        self.applied_index.store(applied.index, Ordering::SeqCst);
        if self.applied_waiters.load(Ordering::SeqCst) > 0 {
            self.applied_moved.notify_waiters();
        }
    }

    /// Tells that entries of `term` have been applied, and that the waiters of all entries before
    /// them are answered.
    pub fn applied_in(&self, term: u64) {
        if *self.applied_term.borrow() >= term {
            return;
        }
        self.applied_term.send_if_modified(|applied| {
            let later = *applied < term;
            *applied = term.max(*applied);
            later
        });
    }

    /// The term of the last applied entry.
    pub fn applied_term(&self) -> watch::Receiver<u64> {
        self.applied_term.subscribe()
    }

    /// Waits until the entry at `index` is applied and published.
    pub async fn applied(&self, index: u64) {
        if self.applied_index() >= index {
            return;
        }
        self.applied_waiters.fetch_add(1, Ordering::SeqCst);
        let _leaves = Leaves(&self.applied_waiters);
        loop {
            let mut moved = std::pin::pin!(self.applied_moved.notified());
            moved.as_mut().enable();
            if self.applied_index() >= index {
                return;
            }
            moved.await;
        }
    }

    /// The term is at least this.
    pub fn note_term(&self, term: u64) {
        self.term.fetch_max(term, Ordering::Relaxed);
    }

    /// A header for an answer from `revision`.
    pub fn header(&self, revision: i64) -> Header {
        self.identity.header(revision, self.term.load(Ordering::Relaxed))
    }

    pub fn applied_index(&self) -> u64 {
        self.applied_index.load(Ordering::SeqCst)
    }
}

/// One waiter less when dropped.
struct Leaves<'a>(&'a AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
