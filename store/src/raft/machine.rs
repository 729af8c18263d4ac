//! Hands committed entries to the state machine and publishes what comes of them.
//!
//! Ordering, for each batch of entries: apply all → publish the state → notify watchers → answer
//! the proposers. So whoever has an answer reads its own write, and finds its event already queued
//! in every synced watch.

use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::alias::SnapshotOf;
use openraft::{EntryPayload, OptionalSend};

use super::types::*;
use crate::command::Command;
use crate::mvcc::{Applied, Changes, Machine, State};
use crate::published::Published;
use crate::reply::Reply;
use crate::snapshot::Image;

/// Entries applied before their effect is published. Bounds the wait of the first of a long queue.
const PUBLISH_BATCH: usize = 128;

/// openraft's view of the store's state.
#[derive(Debug)]
pub struct StateMachine {
    machine: Machine,
    published: Arc<Published>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    /// What the last snapshot covers.
    snapshot: Option<SnapshotMeta>,
}

/// The effects of entries that are applied and not yet published.
#[derive(Default)]
struct Pending {
    changes: Vec<(i64, Arc<Changes>)>,
    answers: Vec<(ApplyResponder<TypeConfig>, Answer)>,
    entries: usize,
}

impl StateMachine {
    /// A state machine that starts from what `published` shows.
    pub fn new(machine: Machine, published: Arc<Published>) -> Self {
        Self {
            machine,
            published,
            last_applied: None,
            membership: StoredMembership::default(),
            snapshot: None,
        }
    }

    fn apply_entry(
        &mut self,
        entry: Entry,
        responder: Option<ApplyResponder<TypeConfig>>,
        pending: &mut Pending,
    ) -> io::Result<()> {
        let log_id = entry.log_id;
        let answer = match entry.payload {
            EntryPayload::Blank => Answer::None,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id.clone()), membership);
                Answer::None
            }
            EntryPayload::Normal(Proposal(encoded)) => {
                let command = Command::decode(encoded)
                    .map_err(|error| io::Error::other(format!("entry {log_id}: {error}")))?;
                Answer::Command(self.apply_command(term_of(&log_id), command, pending))
            }
        };
        if let Some(responder) = responder {
            pending.answers.push((responder, answer));
        }
        pending.entries += 1;
        self.last_applied = Some(log_id);
        Ok(())
    }

    fn apply_command(
        &mut self,
        term: u64,
        command: Command,
        pending: &mut Pending,
    ) -> Result<Reply, crate::Error> {
        let revoked = match &command {
            Command::LeaseRevoke { id } => Some(*id),
            Command::Put(_)
            | Command::DeleteRange(_)
            | Command::Txn(_)
            | Command::Compact { .. }
            | Command::LeaseGrant { .. } => None,
        };
        let Applied { reply, changes } = self.machine.apply(term, command);
        if let Some(changes) = changes {
            pending.changes.push((self.machine.state().revision, changes));
        }
        match (&reply, revoked) {
            (Ok(Reply::LeaseGranted(granted)), _) => {
                self.published.keeper.granted(granted.id, granted.ttl);
            }
            (Ok(_), Some(id)) => self.published.keeper.revoked(id),
            _ => {}
        }
        reply
    }

    fn publish(&mut self, pending: &mut Pending) {
        let Some(last_applied) = &self.last_applied else { return };
        self.published.publish(self.machine.state().clone(), last_applied, &self.membership);
        for (revision, changes) in pending.changes.drain(..) {
            self.published.hub.notify(revision, &changes);
        }
        for (responder, answer) in pending.answers.drain(..) {
            responder.send(answer);
        }
        pending.entries = 0;
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Image;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last_applied.clone(), self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut pending = Pending::default();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            self.apply_entry(entry, responder, &mut pending)?;
            if pending.entries >= PUBLISH_BATCH {
                self.publish(&mut pending);
            }
        }
        self.publish(&mut pending);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let meta = SnapshotMeta {
            last_log_id: self.last_applied.clone(),
            last_membership: self.membership.clone(),
        };
        self.snapshot = Some(meta.clone());
        Builder { meta, state: self.machine.state().clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, image: Image) -> io::Result<()> {
        self.machine.replace(image.state);
        self.last_applied = meta.last_log_id.clone();
        self.membership = meta.last_membership.clone();
        self.snapshot = Some(meta.clone());
        self.publish(&mut Pending::default());
        let state = self.machine.state();
        self.published.hub.reset(state.revision);
        self.published.keeper.reset(state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<TypeConfig, Image>>> {
        let Some(meta) = self.snapshot.clone() else { return Ok(None) };
        let image = Image { state: self.machine.state().clone() };
        Ok(Some(SnapshotOf::<TypeConfig, Image> { meta, snapshot: image }))
    }
}

/// Builds a snapshot of the state at the moment it was asked for.
#[derive(Debug)]
pub struct Builder {
    meta: SnapshotMeta,
    state: State,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Image;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<TypeConfig, Image>> {
        let image = Image { state: self.state.clone() };
        Ok(SnapshotOf::<TypeConfig, Image> { meta: self.meta.clone(), snapshot: image })
    }
}
