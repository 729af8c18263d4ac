//! Random histories against a model that keeps a whole map for every revision.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::alarm::{Alarm, AlarmKind};
use crate::command::{Command, Envelope, LeaseCheckpoint};
use crate::error::Error;
use crate::reply::Reply;
use crate::types::*;

type World = BTreeMap<Bytes, KeyValue>;

/// What etcd's documentation says, written down without regard for cost.
struct Model {
    /// The key space after each revision; the first element is revision 1.
    worlds: Vec<World>,
    compacted: i64,
    leases: BTreeSet<i64>,
    /// What leases had left at their last checkpoint, where that is not all.
    remaining: BTreeMap<i64, i64>,
    alarms: BTreeSet<Alarm>,
}

impl Model {
    fn new() -> Self {
        Self {
            worlds: vec![World::new()],
            compacted: -1,
            leases: BTreeSet::new(),
            remaining: BTreeMap::new(),
            alarms: BTreeSet::new(),
        }
    }

    fn revision(&self) -> i64 {
        self.worlds.len() as i64
    }

    fn at(&self, revision: i64) -> &World {
        &self.worlds[revision as usize - 1]
    }

    fn put(world: &mut World, revision: i64, request: &PutRequest) {
        let old = world.get(&request.key);
        let kv = KeyValue {
            key: request.key.clone(),
            value: request.value.clone(),
            create_revision: old.map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: old.map_or(1, |kv| kv.version + 1),
            lease: request.lease,
        };
        world.insert(request.key.clone(), kv);
    }

    /// Removes what `gone` says; answers whether there was anything.
    fn remove(world: &mut World, gone: impl Fn(&KeyValue) -> bool) -> bool {
        let before = world.len();
        world.retain(|_, kv| !gone(kv));
        world.len() < before
    }

    fn known(&self, lease: i64) -> bool {
        lease == 0 || self.leases.contains(&lease)
    }

    /// Runs a transaction's operations; answers whether they changed anything, `None` if one must
    /// be refused.
    fn run(&self, world: &mut World, revision: i64, ops: &[RequestOp]) -> Option<bool> {
        let mut changed = false;
        for op in ops {
            changed |= match op {
                RequestOp::Put(request) if !self.known(request.lease) => return None,
                RequestOp::Put(request) => {
                    Self::put(world, revision, request);
                    true
                }
                RequestOp::DeleteRange(request) => {
                    Self::remove(world, |kv| request.range.contains(&kv.key))
                }
                RequestOp::Txn(nested) => self.run(world, revision, &nested.success)?,
                RequestOp::Range(_) => unreachable!("not generated"),
            };
        }
        Some(changed)
    }

    /// Whether some member's alarm forbids the command.
    fn forbidden(&self, command: &Command) -> bool {
        let raised = |kind| self.alarms.iter().any(|alarm| alarm.kind == kind);
        let takes_space = match command {
            Command::Put(_) | Command::LeaseGrant { .. } => true,
            Command::Txn(txn) => puts(&txn.success),
            _ => false,
        };
        let aside = matches!(command, Command::Alarm { .. } | Command::LeaseCheckpoint(_));
        (raised(AlarmKind::NoSpace) && takes_space) || (raised(AlarmKind::Corrupt) && !aside)
    }

    /// Applies a command; `false` if it must be refused.
    fn apply(&mut self, command: &Command) -> bool {
        if self.forbidden(command) {
            return false;
        }
        let revision = self.revision() + 1;
        let mut world = self.at(self.revision()).clone();
        let mut changed = false;
        match command {
            Command::Put(request) => {
                if !self.known(request.lease) {
                    return false;
                }
                Self::put(&mut world, revision, request);
                changed = true;
            }
            Command::DeleteRange(request) => {
                changed = Self::remove(&mut world, |kv| request.range.contains(&kv.key));
            }
            Command::Txn(txn) => match self.run(&mut world, revision, &txn.success) {
                Some(any) => changed = any,
                None => return false,
            },
            Command::Compact { revision } => {
                if *revision <= self.compacted || *revision > self.revision() {
                    return false;
                }
                self.compacted = *revision;
            }
            Command::LeaseGrant { id, .. } => return self.leases.insert(*id),
            Command::Alarm { raise: true, alarm } => _ = self.alarms.insert(*alarm),
            Command::Alarm { raise: false, alarm } => _ = self.alarms.remove(alarm),
            Command::LeaseCheckpoint(checkpoints) => {
                for checkpoint in checkpoints {
                    if self.leases.contains(&checkpoint.id) {
                        self.remaining.insert(checkpoint.id, checkpoint.remaining_ttl);
                    }
                }
            }
            Command::Auth(_) | Command::Downgrade { .. } => unreachable!("not generated"),
            Command::LeaseRevoke { id } => {
                if !self.leases.remove(id) {
                    return false;
                }
                self.remaining.remove(id);
                changed = Self::remove(&mut world, |kv| kv.lease == *id);
            }
        }
        if changed {
            self.worlds.push(world);
        }
        true
    }
}

/// Whether any operation puts.
fn puts(ops: &[RequestOp]) -> bool {
    ops.iter().any(|op| match op {
        RequestOp::Put(_) => true,
        RequestOp::Txn(nested) => puts(&nested.success),
        RequestOp::DeleteRange(_) | RequestOp::Range(_) => false,
    })
}

fn alarm() -> impl Strategy<Value = Command> {
    let kind = prop_oneof![Just(AlarmKind::NoSpace), Just(AlarmKind::Corrupt)];
    // Mostly taken back, so that histories go on.
    (prop::bool::weighted(0.3), kind, 1..3u64).prop_map(|(raise, kind, member_id)| Command::Alarm {
        raise,
        alarm: Alarm { kind, member_id },
    })
}

fn checkpoints() -> impl Strategy<Value = Command> {
    let checkpoint =
        (1..4i64, 0..=10i64).prop_map(|(id, remaining_ttl)| LeaseCheckpoint { id, remaining_ttl });
    prop::collection::vec(checkpoint, 0..3).prop_map(Command::LeaseCheckpoint)
}

fn key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["a", "a/1", "a/2", "b", "b/1", "c", "\u{0}", "zz"])
        .prop_map(|text| Bytes::from_static(text.as_bytes()))
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        4 => key().prop_map(KeyRange::single),
        2 => key().prop_map(KeyRange::prefix),
        1 => (key(), key()).prop_map(|(key, end)| KeyRange { key, end }),
        1 => Just(KeyRange::prefix("")),
    ]
}

fn put_request() -> impl Strategy<Value = PutRequest> {
    (key(), 0..3u8, 0..4i64).prop_map(|(key, value, lease)| PutRequest {
        key,
        value: vec![value; value as usize].into(),
        lease,
        ..PutRequest::default()
    })
}

fn delete_request() -> impl Strategy<Value = DeleteRangeRequest> {
    range().prop_map(|range| DeleteRangeRequest { range, prev_kv: true })
}

fn txn() -> impl Strategy<Value = Txn> {
    let op = prop_oneof![
        put_request().prop_map(RequestOp::Put),
        delete_request().prop_map(RequestOp::DeleteRange),
    ];
    let nested = prop::collection::vec(op.clone(), 0..4)
        .prop_map(|success| RequestOp::Txn(Txn { success, ..Txn::default() }));
    prop::collection::vec(prop_oneof![3 => op, 1 => nested], 0..5)
        .prop_map(|success| Txn { success, ..Txn::default() })
        .prop_filter("well-formed", |txn| check_txn(txn, 128).is_ok())
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        8 => put_request().prop_map(Command::Put),
        3 => delete_request().prop_map(Command::DeleteRange),
        3 => txn().prop_map(Command::Txn),
        1 => (0..40i64).prop_map(|revision| Command::Compact { revision }),
        1 => (1..4i64).prop_map(|id| Command::LeaseGrant { id, ttl: 10 }),
        1 => (1..4i64).prop_map(|id| Command::LeaseRevoke { id }),
        1 => checkpoints(),
        1 => alarm(),
    ]
}

/// The state shows, at each readable revision and for each range, what the model has.
fn agrees(state: &State, model: &Model, ranges: &[KeyRange]) {
    assert_eq!((state.revision, state.compacted), (model.revision(), model.compacted));
    let first = model.compacted.max(1);
    for revision in first..=model.revision() {
        for range in ranges {
            let request =
                RangeRequest { range: range.clone(), revision, ..RangeRequest::default() };
            let answer = read_range(state, Header::default(), &request).expect("it is readable");
            let world = model.at(revision).values();
            let expected: Vec<_> = world.filter(|kv| range.contains(&kv.key)).cloned().collect();
            assert_eq!(answer.kvs, expected, "{range:?} at {revision}");
            assert_eq!(answer.count, expected.len() as i64);
        }
    }
    for revision in [first - 1, model.revision() + 1] {
        let range = KeyRange::prefix("");
        let request = RangeRequest { range, revision, ..RangeRequest::default() };
        let refused = read_range(state, Header::default(), &request).is_err();
        assert_eq!(refused, revision > 0, "revision {revision}");
    }
    changes_agree(state, model, first);
    for id in &model.leases {
        let held = &state.lease(*id).expect("the lease is there").keys;
        let world = model.at(model.revision()).values();
        let expected: Vec<_> =
            world.filter(|kv| kv.lease == *id).map(|kv| kv.key.clone()).collect();
        assert_eq!(held.iter().cloned().collect::<Vec<_>>(), expected);
    }
    assert_eq!(state.leases().count(), model.leases.len());
    for (id, lease) in state.leases() {
        assert_eq!(lease.remaining_ttl, model.remaining.get(&id).copied().unwrap_or(0));
    }
    let alarms: Vec<Alarm> = state.side.alarms.iter().collect();
    assert_eq!(alarms, model.alarms.iter().copied().collect::<Vec<_>>());
    invariant_sizes_are_those_of_what_is_kept(state);
}

fn invariant_sizes_are_those_of_what_is_kept(state: &State) {
    let size = |kv: &KeyValue| (kv.key.len() + kv.value.len()) as u64;
    let live: u64 = state.live.values().map(|kv| size(kv)).sum();
    let events = state.history.values().flat_map(|changes| changes.events.iter());
    let superseded: u64 = events.filter_map(|event| event.prev_kv.as_deref()).map(size).sum();
    assert_eq!((state.live_bytes, state.superseded_bytes), (live, superseded));
}

/// History tells exactly the differences between consecutive worlds: a key's first change in a
/// revision what stood before, its last what stands after. What came and went in one revision is
/// told too.
fn changes_agree(state: &State, model: &Model, first: i64) {
    let told: BTreeMap<i64, _> = state.changes_from(first).collect();
    for revision in first.max(2)..=model.revision() {
        let (old, new) = (model.at(revision - 1), model.at(revision));
        let mut expected = BTreeMap::new();
        for key in old.keys().chain(new.keys()) {
            let (before, after) = (old.get(key), new.get(key));
            if before != after {
                let before = before.filter(|_| revision > model.compacted).cloned();
                expected.insert(key.clone(), (after.cloned(), before));
            }
        }
        let events = &told[&revision].events;
        let mut found: BTreeMap<Bytes, (Option<KeyValue>, Option<KeyValue>)> = BTreeMap::new();
        for event in events.iter() {
            assert_eq!(event.kv.mod_revision, revision);
            let put = event.event_type == EventType::Put;
            let after = put.then(|| KeyValue::clone(&event.kv));
            found
                .entry(event.kv.key.clone())
                .and_modify(|change| change.0 = after.clone())
                .or_insert((after, event.prev_kv.as_deref().cloned()));
        }
        found.retain(|key, change| {
            let went = change.0.is_none() && !old.contains_key(key);
            assert!(!went || change.1.is_none());
            !went
        });
        assert_eq!(found, expected, "changes of {revision}");
    }
}

/// Takes a state apart and puts it together, as snapshots do.
fn rebuilt(state: &State) -> State {
    let mut rebuild = Rebuild::new(state.revision, state.compacted, Side::clone(&state.side));
    for (id, lease) in state.leases() {
        rebuild.lease_with_remaining(id, lease.ttl, lease.remaining_ttl);
    }
    state.base().for_each(|kv| rebuild.base(kv));
    for (revision, changes) in state.changes_from(state.compacted.max(0)) {
        let events = changes.events.iter();
        rebuild.changes(
            revision,
            events.map(|event| (event.event_type, KeyValue::clone(&event.kv))).collect(),
        );
    }
    rebuild.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(
        commands in prop::collection::vec(command(), 1..60),
        ranges in prop::collection::vec(range(), 3),
    ) {
        let mut model = Model::new();
        let mut machine = Machine::new(Identity::default(), State::default());
        let mut pinned = Vec::new();
        for command in &commands {
            let before = model.revision();
            let accepted = model.apply(command);
            let decoded = Envelope::decode(command.encode()).expect("a command survives encoding").command;
            let applied = machine.apply(1, decoded);
            prop_assert_eq!(applied.reply.is_ok(), accepted, "{:?}", command);
            prop_assert_eq!(applied.changes.is_some(), model.revision() > before);
            if pinned.len() < 5 {
                pinned.push((machine.state().clone(), model.revision(), model.compacted));
            }
        }
        agrees(machine.state(), &model, &ranges);
        agrees(&rebuilt(machine.state()), &model, &ranges);
        // A reader that holds an older state still reads that one.
        for (state, revision, compacted) in pinned {
            prop_assert_eq!((state.revision, state.compacted), (revision, compacted));
            let found: Vec<_> =
                state.live(&KeyRange::prefix("")).map(|kv| KeyValue::clone(kv)).collect();
            let expected: Vec<_> = model.at(revision).values().cloned().collect();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn large_revisions_find_each_key_and_compaction_is_swept() {
    let mut machine = Machine::new(Identity::default(), State::default());
    let put = |key: String, value: &'static str| PutRequest {
        key: key.into(),
        value: value.into(),
        ..PutRequest::default()
    };
    for at in 0..1000 {
        let request = put(format!("key{at:03}"), "1");
        machine.apply(1, Command::Put(request)).reply.expect("a put is accepted");
    }
    let range = KeyRange::prefix("key");
    let delete = Command::DeleteRange(DeleteRangeRequest { range: range.clone(), prev_kv: false });
    let Ok(Reply::DeleteRange(gone)) = machine.apply(1, delete).reply else { panic!("refused") };
    assert_eq!(gone.deleted, 1000);
    let request = RangeRequest { range, revision: 1001, ..RangeRequest::default() };
    let answer = read_range(machine.state(), Header::default(), &request).expect("it is readable");
    assert_eq!(answer.count, 1000);
    let compact = Command::Compact { revision: machine.state().revision };
    machine.apply(1, compact).reply.expect("the present may be compacted");
    assert!(!machine.state().is_swept(), "a large compaction takes several steps");
    for _ in 0..40 {
        machine.apply(1, Command::Put(put("other".into(), "1"))).reply.expect("accepted");
    }
    assert!(machine.state().is_swept());
    assert!(machine.state().dead.is_empty() && machine.state().history.len() == 41);
    let refused = read_range(machine.state(), Header::default(), &request);
    assert_eq!(refused, Err(Error::Compacted { compact_revision: 1002 }));
}
