//! Who may do what: a world of a few users, and tables of what each of them asks.

use bytes::Bytes;

use super::*;
use crate::command::{Command, Envelope};
use crate::mvcc::{Identity, Machine, State};
use crate::types::*;

const LEASE: i64 = 7;
const UNKNOWN_LEASE: i64 = 8;

/// root; ann, who reads `a`–`f` and writes `c`–`h`; bob, who has no role; and keys `c` and `g`
/// attached to a lease.
fn world(changes: &[Change]) -> State {
    let mut machine = Machine::new(Identity::default(), State::default());
    let user = |name: &str| Change::UserAdd {
        name: name.into(),
        password: Bytes::new(),
        no_password: true,
    };
    let grant =
        |name: &str, role: &str| Change::UserGrantRole { name: name.into(), role: role.into() };
    let permit = |kind, key: &'static str, end: &'static str| Change::RoleGrantPermission {
        name: "some".into(),
        permission: Permission { kind, key: key.into(), end: end.into() },
    };
    let users = [
        user("root"),
        grant("root", ROOT),
        user("ann"),
        user("bob"),
        Change::RoleAdd { name: "some".into() },
        permit(PermissionKind::Read, "a", "c"),
        permit(PermissionKind::ReadWrite, "c", "f"),
        permit(PermissionKind::Write, "f", "h"),
        grant("ann", "some"),
        Change::Enable,
    ];
    let auth = users.into_iter().chain(changes.iter().cloned());
    let auth = auth.map(|change| Command::Auth(Box::new(change)));
    let keys = [
        Command::LeaseGrant { id: LEASE, ttl: 60 },
        Command::Put(PutRequest { lease: LEASE, ..put("c") }),
        Command::Put(PutRequest { lease: LEASE, ..put("g") }),
    ];
    for command in keys.into_iter().chain(auth) {
        machine.apply(1, command.clone()).reply.unwrap_or_else(|error| {
            panic!("{command:?} is refused: {error}");
        });
    }
    machine.state().clone()
}

fn put(key: &'static str) -> PutRequest {
    PutRequest { key: key.into(), ..PutRequest::default() }
}

fn range(key: &'static str, end: &'static str) -> KeyRange {
    KeyRange { key: key.into(), end: end.into() }
}

fn subject(state: &State, user: &str) -> Subject {
    Subject { user: user.into(), revision: state.side.auth.revision }
}

type Asked<'a> = &'a dyn Fn(&Rights<'_>) -> Result<(), Refusal>;

/// What root, ann, bob, nobody by that name, and nobody at all are told.
type Told = [Result<(), Refusal>; 5];

const YES: Result<(), Refusal> = Ok(());
const NO: Result<(), Refusal> = Err(Refusal::PermissionDenied);
const WHO: Result<(), Refusal> = Err(Refusal::UserEmpty);

fn ask(state: &State, asked: Asked<'_>) -> Told {
    let told = |user: &str| asked(&Rights::new(state, Some(&subject(state, user))));
    [told("root"), told("ann"), told("bob"), told("eve"), asked(&Rights::new(state, None))]
}

#[test]
fn keys_are_read_and_written_as_roles_permit() {
    let state = world(&[]);
    let delete = |range: KeyRange, prev_kv: bool| DeleteRangeRequest { range, prev_kv };
    let cases: [(&str, Asked<'_>, Told); 11] = [
        ("get b", &|r| r.range(&range("b", "")), [YES, YES, NO, NO, WHO]),
        ("get a–f", &|r| r.range(&range("a", "f")), [YES, YES, NO, NO, WHO]),
        ("get a–g", &|r| r.range(&range("a", "g")), [YES, NO, NO, NO, WHO]),
        ("get all", &|r| r.range(&range("\0", "\0")), [YES, NO, NO, NO, WHO]),
        ("put d", &|r| r.put(&put("d")), [YES, YES, NO, NO, WHO]),
        ("put b", &|r| r.put(&put("b")), [YES, NO, NO, NO, WHO]),
        (
            "put d, tell the value before",
            &|r| r.put(&PutRequest { prev_kv: true, ..put("d") }),
            [YES, YES, NO, NO, WHO],
        ),
        (
            "put g, tell the value before",
            &|r| r.put(&PutRequest { prev_kv: true, ..put("g") }),
            [YES, NO, NO, NO, WHO],
        ),
        ("delete c–h", &|r| r.delete(&delete(range("c", "h"), false)), [YES, YES, NO, NO, WHO]),
        ("delete c–h, told", &|r| r.delete(&delete(range("c", "h"), true)), [YES, NO, NO, NO, WHO]),
        ("delete b–d", &|r| r.delete(&delete(range("b", "d"), false)), [YES, NO, NO, NO, WHO]),
    ];
    for (what, asked, told) in cases {
        assert_eq!(ask(&state, asked), told, "{what}");
    }
}

#[test]
fn a_transaction_is_permitted_as_a_whole() {
    let state = world(&[]);
    let get = |key| RequestOp::Range(RangeRequest { range: range(key, ""), ..Default::default() });
    let write = |key| RequestOp::Put(put(key));
    let compare = |key| Compare {
        range: range(key, ""),
        result: CompareResult::Equal,
        target: CompareTarget::Version(0),
    };
    let txn = |compare: Vec<Compare>, success: Vec<RequestOp>, failure: Vec<RequestOp>| Txn {
        compare,
        success,
        failure,
    };
    let nested = |inner: Txn| txn(vec![], vec![], vec![RequestOp::Txn(inner)]);
    let fine = txn(vec![compare("a")], vec![write("c")], vec![get("c")]);
    let cases = [
        (txn(vec![], vec![], vec![]), YES),
        (fine.clone(), YES),
        (txn(vec![compare("g")], vec![], vec![]), NO),
        (txn(vec![], vec![write("c")], vec![write("b")]), NO),
        (txn(vec![], vec![get("g")], vec![]), NO),
        (nested(fine), YES),
        (nested(txn(vec![], vec![], vec![get("g")])), NO),
    ];
    for (txn, expected) in cases {
        let ann = subject(&state, "ann");
        assert_eq!(Rights::new(&state, Some(&ann)).txn(&txn), expected, "{txn:?}");
    }
}

#[test]
fn a_lease_stands_for_its_keys() {
    let without_g =
        Change::RoleRevokePermission { name: "some".into(), key: "f".into(), end: "h".into() };
    let (with_both, with_c) = (world(&[]), world(&[without_g]));
    let attach = |lease: i64| move |r: &Rights<'_>| r.put(&PutRequest { lease, ..put("d") });
    let revoke = |r: &Rights<'_>| r.revoke(LEASE);
    let cases: [(&str, &State, Asked<'_>, Told); 8] = [
        ("attach", &with_both, &attach(LEASE), [YES, YES, NO, NO, WHO]),
        ("attach beside g", &with_c, &attach(LEASE), [YES, NO, NO, NO, WHO]),
        ("attach to nothing", &with_c, &attach(UNKNOWN_LEASE), [YES, YES, NO, NO, WHO]),
        ("revoke", &with_both, &revoke, [YES, YES, NO, NO, WHO]),
        ("revoke with g", &with_c, &revoke, [YES, NO, NO, NO, WHO]),
        ("revoke nothing", &with_c, &|r| r.revoke(UNKNOWN_LEASE), [YES, YES, YES, YES, WHO]),
        ("see keys", &with_both, &|r| r.see_lease(LEASE), [YES, NO, NO, NO, WHO]),
        ("list", &with_both, &|r| r.list_leases(), [YES, NO, NO, NO, WHO]),
    ];
    for (what, state, asked, told) in cases {
        assert_eq!(ask(state, asked), told, "{what}");
    }
}

#[test]
fn administration_is_for_root_and_everyone_sees_its_own() {
    let state = world(&[]);
    let gone: Result<(), Refusal> = Err(Refusal::UserNotFound);
    let cases: [(&str, Asked<'_>, Told); 6] = [
        ("administer", &|r| r.root(), [YES, NO, NO, gone, WHO]),
        ("be known", &|r| r.known(), [YES, YES, YES, YES, WHO]),
        ("see ann", &|r| r.see_user("ann"), [YES, YES, NO, gone, WHO]),
        ("see eve", &|r| r.see_user("eve"), [YES, NO, NO, YES, WHO]),
        ("see the role some", &|r| r.see_role("some"), [YES, YES, NO, gone, WHO]),
        ("see the role root", &|r| r.see_role(ROOT), [YES, NO, NO, gone, WHO]),
    ];
    for (what, asked, told) in cases {
        assert_eq!(ask(&state, asked), told, "{what}");
    }
}

#[test]
fn while_users_do_not_matter_everyone_may() {
    let state = world(&[Change::Disable]);
    let cases: [Asked<'_>; 5] = [
        &|r| r.range(&range("\0", "\0")),
        &|r| r.root(),
        &|r| r.known(),
        &|r| r.revoke(LEASE),
        &|r| r.list_leases(),
    ];
    for asked in cases {
        assert_eq!(ask(&state, asked), [YES; 5]);
    }
}

#[test]
fn an_old_proof_is_good_for_administration_alone() {
    let state = world(&[]);
    let root = |revision: u64| Subject { user: "root".into(), revision };
    let present = state.side.auth.revision;
    let cases = [
        (0, Err(Refusal::UserEmpty)),
        (present - 1, Err(Refusal::OldRevision)),
        (present, YES),
        (present + 1, YES),
    ];
    for (revision, expected) in cases {
        let root = root(revision);
        let rights = Rights::new(&state, Some(&root));
        assert_eq!(rights.range(&range("a", "")), expected, "{revision}");
        assert_eq!(rights.root(), YES);
    }
}

/// The user is named to those who apply only where the keys of a lease were asked about.
#[test]
fn leases_are_looked_at_again_at_apply() {
    let state = world(&[]);
    let cases: [(&str, Asked<'_>, &str); 6] = [
        ("ann", &|r| r.put(&put("d")), ""),
        ("ann", &|r| r.put(&PutRequest { lease: LEASE, ..put("d") }), "ann"),
        ("ann", &|r| r.put(&PutRequest { lease: UNKNOWN_LEASE, ..put("d") }), "ann"),
        ("ann", &|r| r.revoke(LEASE), "ann"),
        ("root", &|r| r.revoke(LEASE), ""),
        ("ann", &|r| r.range(&range("a", "")), ""),
    ];
    for (user, asked, expected) in cases {
        let user = subject(&state, user);
        let rights = Rights::new(&state, Some(&user));
        asked(&rights).expect("it is permitted");
        assert_eq!(&*rights.user_at_apply(), expected, "{user:?}");
    }
}

#[test]
fn what_was_permitted_is_refused_once_that_has_changed() {
    let (on, off) = (world(&[]), world(&[Change::Disable]));
    let (revision, old) = (on.side.auth.revision, Err(Refusal::OldRevision));
    let cases = [
        (&on, 0, YES),
        (&on, revision, YES),
        (&on, revision - 1, old),
        (&on, revision + 1, old),
        (&on, ANONYMOUS, old),
        (&off, 0, YES),
        (&off, ANONYMOUS, YES),
        (&off, revision, old),
    ];
    for (state, auth_revision, expected) in cases {
        let envelope = Envelope { auth_revision, ..Command::Put(put("d")).into() };
        assert_eq!(admit(state, &envelope), expected, "{auth_revision}");
    }
}

/// A key that ann may not write was attached between permission and apply.
#[test]
fn a_lease_that_got_a_hidden_key_meanwhile_is_left_alone() {
    let state = world(&[]);
    let mut machine = Machine::new(Identity::default(), state.clone());
    let hidden = Command::Put(PutRequest { lease: LEASE, ..put("z") });
    machine.apply(1, hidden).reply.expect("the put is accepted");
    let leased = PutRequest { lease: LEASE, ..put("d") };
    let txn = Txn { success: vec![RequestOp::Put(leased.clone())], ..Txn::default() };
    let auth_revision = state.side.auth.revision;
    for command in [Command::Put(leased), Command::Txn(txn), Command::LeaseRevoke { id: LEASE }] {
        let envelope =
            Envelope { auth_revision, user: "ann".into(), ..Envelope::from(command.clone()) };
        assert_eq!(admit(&state, &envelope), YES, "{command:?}");
        assert_eq!(admit(machine.state(), &envelope), NO, "{command:?}");
        let root = Envelope { user: "".into(), ..envelope };
        assert_eq!(admit(machine.state(), &root), YES, "{command:?}");
    }
}
