//! Hands committed entries to the state machine and publishes what comes of them.
//!
//! Ordering, for each batch of entries: apply all → publish the state → notify watchers → answer
//! the proposers. So whoever has an answer reads its own write, and finds its event already queued
//! in every synced watch.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::type_config::alias::SnapshotOf;
use openraft::{EntryPayload, OptionalSend};

use super::types::*;
use crate::auth;
use crate::command::{Command, Envelope};
use crate::meters;
use crate::mvcc::{Applied, Changes, Identity, Machine, State};
use crate::published::Published;
use crate::reply::Reply;
use crate::snapshot::{self, Home, Image};
use crate::work;

/// A snapshot is due when this many entries, or as many as the last one held if those are more,
/// were applied since. So they cost no more than the log does, also while nothing is compacted.
/// They stay in memory until then.
const SNAPSHOT_ENTRIES: u64 = 20_000;

/// A snapshot is due when entries of this many bytes, or as many as the last one had if those are
/// more, were applied since: so snapshots never write more than the WAL does.
const SNAPSHOT_BYTES: u64 = 32 << 20;

/// Entries applied before their effect is published. Bounds the wait of the first of a long queue.
const PUBLISH_BATCH: usize = 128;

/// openraft's view of the store's state.
#[derive(Debug)]
pub struct StateMachine {
    machine: Machine,
    published: Arc<Published>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    /// Where snapshots are kept; `None` keeps the last in memory.
    home: Option<Home>,
    /// The last snapshot, durable where there is a home.
    snapshot: Arc<Mutex<Option<Kept>>>,
    since_snapshot: Volume,
    /// What the state held then.
    at_snapshot: Volume,
}

/// What a state machine starts from.
#[derive(Debug)]
pub struct Start {
    pub applied: SnapshotMeta,
    pub state: State,
    /// The durable snapshot, which may be older than the state.
    pub snapshot: Option<(SnapshotMeta, PathBuf)>,
}

/// A snapshot that Raft may ask for again.
type Kept = (SnapshotMeta, Image);

/// Entries applied and their bytes.
#[derive(Debug, Default)]
struct Volume {
    entries: u64,
    bytes: u64,
}

impl Volume {
    /// What a snapshot of `state` would write.
    fn of(state: &State) -> Self {
        Self { entries: state.entry_count() as u64, bytes: state.size() }
    }

    fn least(&self, other: &Self) -> Self {
        Self { entries: self.entries.min(other.entries), bytes: self.bytes.min(other.bytes) }
    }
}

fn keep(kept: &Mutex<Option<Kept>>, meta: SnapshotMeta, image: Image) {
    *kept.lock().expect("no code panics while it holds the snapshot") = Some((meta, image));
}

/// The effects of entries that are applied and not yet published.
#[derive(Default)]
struct Pending {
    changes: Vec<(i64, Arc<Changes>)>,
    answers: Vec<(ApplyResponder<TypeConfig>, Answer)>,
    /// Answers to proposals that this member forwarded.
    forwarded: Vec<(u64, Result<Reply, crate::Error>)>,
    entries: usize,
}

impl StateMachine {
    /// A state machine in memory, empty.
    pub fn in_memory(identity: Identity, published: Arc<Published>) -> Self {
        Self::new(identity, published, State::default(), None)
    }

    /// A state machine that keeps its snapshots in `home` and starts from `start`.
    pub fn on_disk(
        identity: Identity,
        published: Arc<Published>,
        home: Home,
        start: Option<Start>,
    ) -> Self {
        let Some(Start { applied, state, snapshot }) = start else {
            return Self::new(identity, published, State::default(), Some(home));
        };
        let mut machine = Self::new(identity, published, state, Some(home));
        machine.last_applied = applied.last_log_id;
        machine.membership = applied.last_membership;
        if let Some((meta, path)) = snapshot {
            keep(&machine.snapshot, meta, Image::File(path));
        }
        machine.publish_all();
        machine
    }

    fn new(
        identity: Identity,
        published: Arc<Published>,
        state: State,
        home: Option<Home>,
    ) -> Self {
        let at_snapshot = Volume::of(&state);
        Self {
            machine: Machine::new(identity, state),
            published,
            last_applied: None,
            membership: StoredMembership::default(),
            home,
            snapshot: Arc::default(),
            since_snapshot: Volume::default(),
            at_snapshot,
        }
    }

    /// The state with what identifies it, for a snapshot that a client asked for.
    pub fn capture(&self) -> (snapshot::Meta, State) {
        let state = self.machine.state().clone();
        (snapshot::Meta::new(self.published.identity, &self.meta(), &state), state)
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last_applied, last_membership: self.membership.clone() }
    }

    /// Publishes a state that was replaced as a whole.
    fn publish_all(&mut self) {
        #[cfg(feature = "simulation")]
        self.tell_applied(None);
        self.publish(&mut Pending::default());
        let state = self.machine.state();
        self.published.hub.reset(state.revision);
        self.published.keeper.reset(state);
        // What was forwarded may be in the new state, or not: nobody here saw it applied.
        self.published.waiters.abandon();
    }

    /// Frees up to `limit` revisions that compaction has passed, and publishes the state without
    /// them. Whether there are more.
    pub fn sweep(&mut self, limit: usize) -> bool {
        self.machine.sweep(limit);
        self.publish(&mut Pending::default());
        !self.machine.state().is_swept()
    }

    /// Asks for a snapshot when enough was applied since the last.
    fn note_volume(&mut self) {
        let state = self.machine.state();
        let now = Volume::of(state);
        let held = self.at_snapshot.least(&now);
        let set = self.published.space.snapshot_count();
        let entries = set.unwrap_or(SNAPSHOT_ENTRIES.max(held.entries));
        let due = self.since_snapshot.entries >= entries
            || self.since_snapshot.bytes >= SNAPSHOT_BYTES.max(held.bytes);
        if due {
            self.since_snapshot = Volume::default();
            self.at_snapshot = now;
            self.published.snapshot_due.notify_one();
        }
    }

    fn apply_entry(
        &mut self,
        entry: Entry,
        responder: Option<ApplyResponder<TypeConfig>>,
        pending: &mut Pending,
    ) -> io::Result<()> {
        let log_id = entry.log_id;
        #[cfg(feature = "simulation")]
        let checksum = crate::simulation::checksum(&entry.payload);
        let answer = match entry.payload {
            EntryPayload::Blank => Answer::None,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Answer::None
            }
            EntryPayload::Normal(Proposal(encoded)) => {
                self.since_snapshot.bytes += encoded.len() as u64;
                let envelope = Envelope::decode(encoded)
                    .map_err(|error| io::Error::other(format!("entry {log_id}: {error}")))?;
                let request_id = envelope.request_id;
                let reply = self.apply_envelope(&log_id, envelope, pending);
                if request_id != 0 && self.published.waiters.has(request_id) {
                    pending.forwarded.push((request_id, reply.clone()));
                }
                Answer::Command(reply)
            }
        };
        if let Some(responder) = responder {
            pending.answers.push((responder, answer));
        }
        pending.entries += 1;
        self.since_snapshot.entries += 1;
        self.last_applied = Some(log_id);
        #[cfg(feature = "simulation")]
        self.tell_applied(Some(checksum));
        Ok(())
    }

    /// Tells whoever watches over the simulation where this member's state has come to.
    #[cfg(feature = "simulation")]
    fn tell_applied(&self, entry: Option<u32>) {
        let Some(last_applied) = &self.last_applied else { return };
        crate::simulation::observe::applied(|| crate::simulation::Applied {
            member_id: self.published.identity.member_id,
            term: term_of(last_applied),
            index: last_applied.index,
            entry,
            revision: self.machine.state().revision,
            state: self.machine.state().hash_everything(),
        });
    }

    /// Applies a command, unless what permitted it has changed since.
    fn apply_envelope(
        &mut self,
        log_id: &LogId,
        envelope: Envelope,
        pending: &mut Pending,
    ) -> Result<Reply, crate::Error> {
        auth::admit(self.machine.state(), &envelope)?;
        let tokens = auth::Effect::of(&envelope.command, log_id.index);
        let reply = self.apply_command(term_of(log_id), envelope.command, pending)?;
        Ok(match tokens {
            Some(effect) => self.published.tokens.apply(effect, reply),
            None => reply,
        })
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
            | Command::LeaseGrant { .. }
            | Command::LeaseCheckpoint(_)
            | Command::Alarm { .. }
            | Command::Auth(_)
            | Command::Downgrade { .. } => None,
        };
        let (began, what) = (std::time::Instant::now(), command.name());
        let Applied { reply, changes } = self.machine.apply(term, command);
        let index = self.last_applied.as_ref().map_or(0, |last| last.index) + 1;
        self.published.space.note_apply(began.elapsed(), index, what);
        if let Some(changes) = changes {
            pending.changes.push((self.machine.state().revision, changes));
        }
        match (&reply, revoked) {
            (Ok(Reply::LeaseGranted(granted)), _) => {
                meters::count(&self.published.meters.leases_granted);
                self.published.keeper.granted(granted.id, granted.ttl);
            }
            (Ok(_), Some(id)) => {
                meters::count(&self.published.meters.leases_revoked);
                self.published.keeper.revoked(id);
            }
            _ => {}
        }
        reply
    }

    fn publish(&mut self, pending: &mut Pending) {
        let Some(last_applied) = &self.last_applied else { return };
        self.published.publish(self.machine.state().clone(), last_applied, &self.membership);
        for (revision, changes) in pending.changes.drain(..) {
            self.published.meters.changed(&changes);
            self.published.hub.notify(revision, &changes);
        }
        for (responder, answer) in pending.answers.drain(..) {
            responder.send(answer);
        }
        for (request_id, reply) in pending.forwarded.drain(..) {
            self.published.waiters.answer(request_id, reply);
        }
        self.published.applied_in(term_of(last_applied));
        pending.entries = 0;
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Image;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut pending = Pending::default();
        while let Some(item) = entries.next().await {
            let (mut entry, responder) = item?;
            if planted!(ApplyOutOfOrder)
                && let Some(Ok((mut next, next_responder))) = entries.next().await
            {
                std::mem::swap(&mut entry.payload, &mut next.payload);
                self.apply_entry(entry, next_responder, &mut pending)?;
                self.apply_entry(next, responder, &mut pending)?;
                continue;
            }
            self.apply_entry(entry, responder, &mut pending)?;
            if pending.entries >= PUBLISH_BATCH {
                self.publish(&mut pending);
            }
        }
        self.publish(&mut pending);
        self.note_volume();
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            identity: self.published.identity,
            meta: self.meta(),
            state: self.machine.state().clone(),
            home: self.home.clone(),
            kept: Arc::clone(&self.snapshot),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, image: Image) -> io::Result<()> {
        let state = match image {
            Image::Memory(state) => *state,
            Image::File(path) => {
                let loading = move || snapshot::load(&path, true).map_err(io::Error::other);
                work::blocking_io(loading).await?.state
            }
        };
        self.machine.replace(state);
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        let mut builder = self.get_snapshot_builder().await;
        builder.build_snapshot().await?;
        self.publish_all();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<TypeConfig, Image>>> {
        let kept = self.snapshot.lock().expect("no code panics while it holds the snapshot");
        let snapshot =
            kept.clone().map(|(meta, snapshot)| SnapshotOf::<TypeConfig, Image> { meta, snapshot });
        Ok(snapshot)
    }
}

/// Builds a snapshot of the state at the moment it was asked for.
#[derive(Debug)]
pub struct Builder {
    identity: Identity,
    meta: SnapshotMeta,
    state: State,
    home: Option<Home>,
    kept: Arc<Mutex<Option<Kept>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Image;

    /// Returns when the snapshot is durable, because Raft purges its log then.
    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<TypeConfig, Image>> {
        let image = match self.home.clone() {
            None => Image::Memory(Box::new(self.state.clone())),
            Some(home) => {
                let meta = snapshot::Meta::new(self.identity, &self.meta, &self.state);
                let state = self.state.clone();
                Image::File(work::blocking_io(move || home.write(&meta, &state)).await?)
            }
        };
        keep(&self.kept, self.meta.clone(), image.clone());
        Ok(SnapshotOf::<TypeConfig, Image> { meta: self.meta.clone(), snapshot: image })
    }
}
