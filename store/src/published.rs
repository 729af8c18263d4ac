//! What the state machine shows to everyone else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::auth::Tokens;
use crate::behind::{Mailbox, View};
use crate::care::Space;
use crate::lease::Keeper;
use crate::mvcc::{Identity, State};
use crate::raft::types::{LogId, StoredMembership, term_of};
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
    /// The simple tokens that this member knows.
    pub tokens: Tokens,
    /// Where the write-behind home looks, if there is one.
    pub mailbox: OnceLock<Arc<Mailbox>>,
    /// Told when the state machine wants a snapshot taken.
    pub snapshot_due: Notify,
    /// How much the store takes.
    pub space: Space,
    term: AtomicU64,
    applied_index: AtomicU64,
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
            tokens,
            mailbox: OnceLock::new(),
            snapshot_due: Notify::new(),
            space: Space::default(),
            term: AtomicU64::new(0),
            applied_index: AtomicU64::new(0),
        }
    }

    pub fn publish(&self, state: State, applied: &LogId, membership: &StoredMembership) {
        if self.membership.load().log_id() != membership.log_id() {
            self.membership.store(Arc::new(membership.clone()));
        }
        self.term.store(term_of(applied), Ordering::Relaxed);
        self.applied_index.store(applied.index, Ordering::Relaxed);
        if let Some(mailbox) = self.mailbox.get() {
            let membership = self.membership.load_full();
            mailbox.put(View { applied: *applied, membership, state: state.clone() });
        }
        self.space.observe(&state);
        self.state.store(Arc::new(state));
    }

    /// A header for an answer from `revision`.
    pub fn header(&self, revision: i64) -> Header {
        self.identity.header(revision, self.term.load(Ordering::Relaxed))
    }

    pub fn applied_index(&self) -> u64 {
        self.applied_index.load(Ordering::Relaxed)
    }
}
