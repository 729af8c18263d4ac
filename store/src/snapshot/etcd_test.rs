//! States written as etcd's file and read back.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::any::load_any;
use super::encoding::Encoding;
use super::*;
use crate::alarm::{Alarm, AlarmKind};
use crate::auth::{self, Permission, PermissionKind};
use crate::command::{Command, LeaseCheckpoint};
use crate::mvcc::{Identity, Machine, State};
use crate::raft::types::{MemberNode, Membership, StoredMembership};
use crate::types::*;

pub(super) fn meta(state: &State) -> Meta {
    let node = MemberNode {
        name: "m".into(),
        peer_urls: vec!["http://m:2380".into()],
        client_urls: vec!["http://m:2379".into()],
        ..MemberNode::default()
    };
    let members = Membership::new(vec![[7].into()], BTreeMap::from([(7, node)]));
    let membership = StoredMembership::new(None, members.expect("a voter that is a node"));
    let raft = crate::raft::types::SnapshotMeta {
        last_log_id: Some(crate::raft::types::log_id(3, 41)),
        last_membership: membership,
    };
    Meta::new(Identity { cluster_id: 9, member_id: 7 }, &raft, state)
}

pub(super) fn write(path: &std::path::Path, state: &State, format: SnapshotFormat) {
    let encoding = Encoding::new(format, meta(state), state.clone()).expect("it can be kept");
    output::write_file(&crate::disk::OsDisk, path, &encoding, &|_| {})
        .expect("the file is written");
    let length = path.metadata().expect("the file is there").len();
    assert_eq!(length, encoding.size());
}

fn through_etcd(state: &State) -> (Meta, State) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("db");
    write(&file, state, SnapshotFormat::Etcd);
    let told = status(&file).expect("the file is whole");
    assert_eq!(told.total_keys, state.key_count() as i64);
    let loaded = load_any(&file, true, &|_| {}).expect("the file is read");
    (loaded.meta, loaded.state)
}

/// Everything that anyone can ask of a state.
#[derive(Debug, PartialEq)]
struct Everything {
    revision: i64,
    compacted: i64,
    keys: Vec<(i64, Vec<KeyValue>)>,
    changes: Vec<(i64, Vec<Event>)>,
    leases: Vec<(i64, i64, i64, Vec<Bytes>)>,
    side: crate::mvcc::Side,
}

fn everything(state: &State) -> Everything {
    let all = KeyRange::prefix("");
    let first = state.compacted.max(1);
    let keys = (first..=state.revision).map(|at| (at, state.at(&all, at).collect())).collect();
    let changes = state
        .changes_from(state.compacted.max(0))
        .map(|(at, changes)| (at, changes.events.iter().map(Event::clone).collect()));
    let leases = state.leases().map(|(id, lease)| {
        (id, lease.ttl, lease.remaining_ttl, lease.keys.iter().cloned().collect())
    });
    Everything {
        revision: state.revision,
        compacted: state.compacted,
        keys,
        changes: changes.collect(),
        leases: leases.collect(),
        side: crate::mvcc::Side::clone(&state.side),
    }
}

fn applied(commands: Vec<Command>) -> State {
    let mut machine = Machine::new(Identity::default(), State::default());
    for command in commands {
        // A refusal is as good.
        let _ = machine.apply(1, command);
    }
    machine.state().clone()
}

fn put(key: &str, value: &str, lease: i64) -> PutRequest {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    PutRequest { key, value, lease, ..PutRequest::default() }
}

fn delete(key: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { range: KeyRange::single(key.to_owned()), prev_kv: false }
}

#[test]
fn an_empty_state_survives() {
    let (meta, state) = through_etcd(&State::default());
    assert_eq!(everything(&state), everything(&State::default()));
    assert_eq!(meta.last_log, Some((3, 41)));
    let (id, node) = meta.membership.nodes().next().expect("the member is told");
    assert_eq!((*id, node.name.as_str()), (7, "m"));
}

#[test]
fn generations_leases_users_and_alarms_survive() {
    let permission = |kind, key: &'static str, end: &'static str| Permission {
        kind,
        key: Bytes::from_static(key.as_bytes()),
        end: Bytes::from_static(end.as_bytes()),
    };
    let user = |name: &str, no_password| auth::Change::UserAdd {
        name: name.into(),
        password: if no_password { Bytes::new() } else { Bytes::from_static(b"$2a$04$abc") },
        no_password,
    };
    let grant = |permission| auth::Change::RoleGrantPermission { name: "r".into(), permission };
    let role = |user: &str, role: &str| auth::Change::UserGrantRole {
        name: user.into(),
        role: role.into(),
    };
    let users = [
        user("root", false),
        user("machine", true),
        auth::Change::RoleAdd { name: "root".into() },
        auth::Change::RoleAdd { name: "r".into() },
        role("root", "root"),
        role("machine", "r"),
        grant(permission(PermissionKind::Read, "a", "b")),
        grant(permission(PermissionKind::Write, "c", "")),
        grant(permission(PermissionKind::ReadWrite, "x", "\0")),
        auth::Change::Enable,
    ];
    let mut commands = vec![
        Command::LeaseGrant { id: 5, ttl: 100 },
        Command::LeaseGrant { id: -5, ttl: 9000 },
        Command::Put(put("a", "1", 5)),
        Command::Put(put("a", "2", 0)),
        Command::DeleteRange(delete("a")),
        Command::Put(put("a", "3", -5)),
        Command::Put(put("b", "", 5)),
        Command::Txn(Txn {
            success: vec![
                RequestOp::Put(put("c", "1", 0)),
                RequestOp::DeleteRange(delete("b")),
                RequestOp::Put(put("d", "1", 5)),
            ],
            ..Txn::default()
        }),
        Command::Compact { revision: 4 },
        Command::Put(put("gone", "", 0)),
        Command::DeleteRange(delete("gone")),
        Command::Alarm { raise: true, alarm: Alarm { kind: AlarmKind::Corrupt, member_id: 77 } },
    ];
    commands.extend(users.map(|change| Command::Auth(Box::new(change))));
    let state = applied(commands);
    assert!(state.side.auth.enabled, "users are there");
    assert_eq!(state.leases().count(), 2);
    let (_, read) = through_etcd(&state);
    assert_eq!(everything(&read), everything(&state));
}

#[test]
fn what_a_lease_has_left_survives_in_both_formats() {
    let checkpoint = Command::LeaseCheckpoint(vec![LeaseCheckpoint { id: 5, remaining_ttl: 61 }]);
    let state = applied(vec![Command::LeaseGrant { id: 5, ttl: 100 }, checkpoint]);
    assert_eq!(state.lease(5).expect("it was granted").remaining_ttl, 61);
    let dir = tempfile::tempdir().expect("a temporary directory");
    for format in [SnapshotFormat::Coracle, SnapshotFormat::Etcd] {
        let file = dir.path().join("file");
        write(&file, &state, format);
        let read = load_any(&file, true, &|_| {}).expect("the file is read").state;
        assert_eq!(everything(&read), everything(&state), "{format:?}");
    }
}

#[test]
fn converting_there_and_back_changes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name);
    let state = applied(
        (0..300)
            .map(|at| Command::Put(put(&format!("k{}", at % 70), &"v".repeat(at * 7), 0)))
            .collect(),
    );
    write(&path("own"), &state, SnapshotFormat::Coracle);
    let to = |from: &str, to: &str, format| {
        convert(path(from), path(to), format, true, &|_| {}).expect("the file is converted");
        assert_eq!(format_of(path(to)).expect("the file is known"), format);
    };
    to("own", "etcd", SnapshotFormat::Etcd);
    to("etcd", "own2", SnapshotFormat::Coracle);
    to("own2", "etcd2", SnapshotFormat::Etcd);
    let read = |name: &str| std::fs::read(path(name)).expect("the file is there");
    assert_eq!(read("etcd"), read("etcd2"));
    let loaded = load_any(&path("own2"), true, &|_| {}).expect("the file is read");
    assert_eq!(everything(&loaded.state), everything(&state));
}

#[test]
fn hashes_of_both_formats_tell_histories_apart() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("file");
    let history = |value: &str| {
        applied(vec![
            Command::Put(put("a", "1", 0)),
            Command::Put(put("a", "2", 0)),
            Command::DeleteRange(delete("a")),
            Command::Put(put("b", value, 0)),
            Command::Compact { revision: 3 },
        ])
    };
    for format in [SnapshotFormat::Coracle, SnapshotFormat::Etcd] {
        let hash = |state: &State, revision| {
            write(&file, state, format);
            hash_kv(&file, revision).map_err(|error| error.to_string())
        };
        let one = hash(&history("2"), 0).expect("it is hashed");
        assert_eq!((one.revision, one.compact_revision), (5, 3));
        assert_eq!(hash(&history("2"), 5), Ok(one));
        assert_ne!(hash(&history("x"), 0).expect("it is hashed").hash, one.hash);
        assert_ne!(hash(&history("2"), 4).expect("it is hashed").hash, one.hash);
        let refused = |revision| hash(&history("2"), revision).expect_err("it is refused");
        assert_eq!(refused(2), "etcdserver: mvcc: required revision has been compacted");
        assert_eq!(refused(6), "etcdserver: mvcc: required revision is a future revision");
    }
}

#[test]
fn damage_anywhere_in_etcds_file_is_refused_by_its_hash_and_never_panics_without() {
    let state = applied((0..60).map(|at| Command::Put(put(&format!("k{at}"), "v", 0))).collect());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("file");
    write(&file, &state, SnapshotFormat::Etcd);
    let whole = std::fs::read(&file).expect("the file is there");
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        std::fs::write(&file, &bytes).expect("the file is written");
        assert!(load_any(&file, true, &|_| {}).is_err(), "byte {at}");
        // Whatever it finds, it finds it in an orderly way.
        let _ = load_any(&file, false, &|_| {});
    }
    std::fs::write(&file, &whole[..whole.len() - 32]).expect("the file is written");
    let error = load_any(&file, true, &|_| {}).expect_err("its hash is missing");
    let text = error.to_string();
    assert!(text.starts_with("snapshot missing hash but --skip-hash-check=false"), "{text}");
    assert!(load_any(&file, false, &|_| {}).is_ok());
    let mut wrong = whole;
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    std::fs::write(&file, &wrong).expect("the file is written");
    let error = load_any(&file, true, &|_| {}).expect_err("its hash is wrong").to_string();
    assert!(error.starts_with("expected sha256 ["), "{error}");
}

fn any_command() -> impl Strategy<Value = Command> {
    let key = || (0u8..12).prop_map(|key| format!("k{key:02}"));
    let write = prop_oneof![
        3 => (key(), ".{0,20}", 0i64..4)
            .prop_map(|(key, value, lease)| RequestOp::Put(put(&key, &value, lease))),
        1 => key().prop_map(|key| RequestOp::DeleteRange(delete(&key))),
    ];
    prop_oneof![
        8 => (key(), ".{0,20}", 0i64..4)
            .prop_map(|(key, value, lease)| Command::Put(put(&key, &value, lease))),
        3 => (key(), key()).prop_map(|(from, to)| {
            let range = KeyRange { key: from.into(), end: to.into() };
            Command::DeleteRange(DeleteRangeRequest { range, prev_kv: false })
        }),
        3 => proptest::collection::vec(write, 0..5)
            .prop_map(|success| Txn { success, ..Txn::default() })
            .prop_filter("a key is written twice", |txn| crate::mvcc::check_txn(txn, 9).is_ok())
            .prop_map(Command::Txn),
        1 => (1i64..60).prop_map(|revision| Command::Compact { revision }),
        1 => (1i64..4).prop_map(|id| Command::LeaseGrant { id, ttl: 10 * id }),
        1 => (1i64..4).prop_map(|id| Command::LeaseRevoke { id }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_history_survives(commands in proptest::collection::vec(any_command(), 0..80)) {
        let state = applied(commands);
        let (_, read) = through_etcd(&state);
        prop_assert_eq!(everything(&read), everything(&state));
    }
}
