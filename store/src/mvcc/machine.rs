//! The single writer: applies committed commands to its own state.

use std::sync::Arc;

use super::apply::Batch;
use super::state::{Change, Changes, Lease, State};
use crate::alarm::Alarm;
use crate::auth;
use crate::care::quota;
use crate::command::{Command, LeaseCheckpoint};
use crate::error::Error;
use crate::reply::Reply;
use crate::types::*;

/// Who answers: what headers carry besides the revision and term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub cluster_id: u64,
    pub member_id: u64,
}

impl Identity {
    pub fn header(self, revision: i64, raft_term: u64) -> Header {
        Header { cluster_id: self.cluster_id, member_id: self.member_id, revision, raft_term }
    }
}

/// Shortest lease that can be. Proposers raise what is shorter than their election timeout allows
/// ([`crate::lease::min_ttl`]); here it must not depend on a member's settings.
pub const MIN_LEASE_TTL: i64 = 1;

/// Longest lease granted, in seconds, as in etcd.
pub const MAX_LEASE_TTL: i64 = 9_000_000_000;

/// History revisions that one applied command may free, so that a large compaction is spread over
/// many writes and never stalls one.
const SWEEP_REVISIONS: usize = 32;

/// The state machine proper: synchronous and deterministic.
#[derive(Debug)]
pub struct Machine {
    identity: Identity,
    pub(super) state: State,
}

/// What one applied command did.
#[derive(Debug)]
pub struct Applied {
    pub reply: Result<Reply, Error>,
    /// The changes of the new revision, if the command made one.
    pub changes: Option<Arc<Changes>>,
}

impl Machine {
    pub fn new(identity: Identity, state: State) -> Self {
        Self { identity, state }
    }

    /// The current state. Clone it to publish.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Replaces everything, as when a snapshot is installed.
    pub fn replace(&mut self, state: State) {
        self.state = state;
    }

    /// Applies one committed command. Every member runs this, so the result depends on the state
    /// and the command alone: no clock, no randomness, no hash-map order.
    ///
    /// A refusal is an answer; state is then unchanged.
    pub fn apply(&mut self, term: u64, command: Command) -> Applied {
        let header = self.identity.header(self.state.revision, term);
        let mut batch = Batch::new(&mut self.state, header);
        let reply = match quota::permit(&batch.state().side.alarms, &command) {
            Err(refusal) => Err(refusal),
            Ok(()) => perform(&mut batch, command),
        };
        let changes = batch.finish();
        self.state.sweep(SWEEP_REVISIONS);
        Applied { reply, changes }
    }

    /// Frees up to `limit` revisions that compaction has passed. Nobody can tell: members may do so
    /// whenever they like.
    pub fn sweep(&mut self, limit: usize) {
        self.state.sweep(limit);
    }
}

fn perform(batch: &mut Batch<'_>, command: Command) -> Result<Reply, Error> {
    match command {
        Command::Put(request) => batch.put(request).map(Reply::Put),
        Command::DeleteRange(request) => Ok(Reply::DeleteRange(batch.delete_range(&request))),
        Command::Txn(txn) => apply_txn(batch, &txn).map(Reply::Txn),
        Command::Compact { revision } => batch.compact(revision).map(Reply::Header),
        Command::LeaseGrant { id, ttl } => batch.grant(id, ttl).map(Reply::LeaseGranted),
        Command::LeaseRevoke { id } => batch.revoke(id).map(Reply::Header),
        Command::Alarm { raise, alarm } => Ok(Reply::Header(batch.alarm(raise, alarm))),
        Command::Auth(change) => batch.auth(*change).map(Reply::Header),
        Command::LeaseCheckpoint(checkpoints) => Ok(Reply::Header(batch.checkpoint(&checkpoints))),
        Command::Downgrade { target } => {
            batch.side_mut().downgrade = target;
            Ok(Reply::Header(batch.header()))
        }
    }
}

fn apply_txn(batch: &mut Batch<'_>, txn: &Txn) -> Result<TxnResponse, Error> {
    let path = batch.prepare(txn)?;
    // A snapshot for ranges at older revisions, which must not see this transaction's writes half
    // entered into history.
    let before = batch.state().clone();
    Ok(batch.txn(&before, txn, &mut path.into_iter()))
}

impl Batch<'_> {
    /// Grants a lease; a TTL below the minimum is raised.
    fn grant(&mut self, id: i64, ttl: i64) -> Result<LeaseGranted, Error> {
        if ttl > MAX_LEASE_TTL {
            return Err(Error::LeaseTtlTooLarge);
        }
        if self.state().lease(id).is_some() {
            return Err(Error::LeaseExists);
        }
        let ttl = ttl.max(MIN_LEASE_TTL);
        self.insert_lease(id, Lease { ttl, ..Lease::default() });
        Ok(LeaseGranted { header: self.header(), id, ttl })
    }

    /// Notes what leases have left. One that is gone has nothing to note, which is no error.
    fn checkpoint(&mut self, checkpoints: &[LeaseCheckpoint]) -> Header {
        for checkpoint in checkpoints {
            self.note_remaining(checkpoint.id, checkpoint.remaining_ttl);
        }
        self.header()
    }

    /// Raises an alarm or takes it back; either may have happened already.
    fn alarm(&mut self, raise: bool, alarm: Alarm) -> Header {
        let alarms = &mut self.side_mut().alarms;
        let _changed = if raise { alarms.raise(alarm) } else { alarms.clear(alarm) };
        self.header()
    }

    fn auth(&mut self, change: auth::Change) -> Result<Header, Error> {
        if let Some(auth) = self.state().side.auth.changed_by(change)? {
            self.side_mut().auth = auth;
        }
        Ok(self.header())
    }

    /// Removes a lease and deletes its keys, in key order and in one revision.
    fn revoke(&mut self, id: i64) -> Result<Header, Error> {
        let lease = self.remove_lease(id).ok_or(Error::LeaseNotFound)?;
        for key in &lease.keys {
            self.delete(key);
        }
        Ok(self.header())
    }
}

/// Collects changes into the shared form.
pub(super) fn seal(changes: Vec<Change>) -> Option<Arc<Changes>> {
    (!changes.is_empty()).then(|| Arc::new(Changes::new(changes)))
}
