//! What users may do once authentication is on.

use super::users::{As, add_role, add_user, enable, grant_role, log_in};
use super::watching::{Stream, create};
use super::*;
use store_proto::authpb;
use store_proto::authpb::permission::Type::{self, Read, Readwrite, Write};

fn denied() -> (Code, String) {
    told(Code::PermissionDenied, "etcdserver: permission denied")
}

/// A user with the given permissions, and root.
async fn with(wire: &Wire, permissions: &[(Type, &str, &str)]) -> (As, As) {
    add_user(wire, "one", "secret").await;
    add_role(wire, "role").await;
    grant_role(wire, "one", "role").await;
    for (kind, key, end) in permissions {
        let perm = authpb::Permission {
            perm_type: (*kind).into(),
            key: (*key).to_owned().into(),
            range_end: (*end).to_owned().into(),
        };
        let request = pb::AuthRoleGrantPermissionRequest { name: "role".into(), perm: Some(perm) };
        accepted(wire.auth().role_grant_permission(request).await);
    }
    let root = enable(wire).await;
    (log_in(wire, "one", "secret").await, root)
}

impl As {
    async fn get(&self, key: &str, end: &str) -> Result<(), (Code, String)> {
        let range_end = end.to_owned().into();
        let request = self.request(pb::RangeRequest { range_end, ..get_of(key) });
        outcome(self.wire.kv().range(request).await)
    }

    async fn put(&self, key: &str) -> Result<(), (Code, String)> {
        outcome(self.wire.kv().put(self.request(put_of(key, "1"))).await)
    }

    async fn delete(&self, key: &str, end: &str) -> Result<(), (Code, String)> {
        let request = pb::DeleteRangeRequest {
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
            prev_kv: false,
        };
        outcome(self.wire.kv().delete_range(self.request(request)).await)
    }

    async fn txn(&self, txn: pb::TxnRequest) -> Result<(), (Code, String)> {
        outcome(self.wire.kv().txn(self.request(txn)).await)
    }
}

fn outcome<T>(answer: Result<Response<T>, Status>) -> Result<(), (Code, String)> {
    match answer {
        Ok(_) => Ok(()),
        Err(status) => Err((status.code(), status.message().to_owned())),
    }
}

pub async fn root_may_do_everything(wire: &Wire) {
    let (_, root) = with(wire, &[]).await;
    assert_eq!(root.put("a").await, Ok(()));
    assert_eq!(root.get("\0", "\0").await, Ok(()));
    assert_eq!(root.delete("\0", "\0").await, Ok(()));
    let status = root.request(pb::StatusRequest {});
    accepted(wire.maintenance().status(status).await);
}

pub async fn a_stranger_may_do_nothing(wire: &Wire) {
    let (user, _) = with(wire, &[]).await;
    assert_eq!(user.put("a").await, Err(denied()));
    assert_eq!(user.get("a", "").await, Err(denied()));
    assert_eq!(user.delete("a", "").await, Err(denied()));
    // An empty transaction touches nothing.
    assert_eq!(user.txn(pb::TxnRequest::default()).await, Ok(()));
}

pub async fn reading_one_key(wire: &Wire) {
    let (user, _) = with(wire, &[(Read, "a", "")]).await;
    assert_eq!(user.get("a", "").await, Ok(()));
    assert_eq!(user.get("b", "").await, Err(denied()));
    assert_eq!(user.get("a", "b").await, Err(denied()));
    assert_eq!(user.put("a").await, Err(denied()));
}

pub async fn writing_one_key(wire: &Wire) {
    let (user, _) = with(wire, &[(Write, "a", "")]).await;
    assert_eq!(user.put("a").await, Ok(()));
    assert_eq!(user.put("ab").await, Err(denied()));
    assert_eq!(user.get("a", "").await, Err(denied()));
}

pub async fn a_range_covers_its_keys(wire: &Wire) {
    let (user, _) = with(wire, &[(Readwrite, "b", "d")]).await;
    for (key, allowed) in [("a", false), ("b", true), ("c", true), ("czz", true), ("d", false)] {
        let expected = if allowed { Ok(()) } else { Err(denied()) };
        assert_eq!(user.get(key, "").await, expected, "{key}");
        assert_eq!(user.put(key).await, expected, "{key}");
    }
    assert_eq!(user.get("b", "d").await, Ok(()));
    assert_eq!(user.get("b", "c").await, Ok(()));
    assert_eq!(user.get("b", "d\0").await, Err(denied()));
    assert_eq!(user.get("b", "\0").await, Err(denied()));
}

pub async fn an_open_range_covers_the_rest(wire: &Wire) {
    let (user, _) = with(wire, &[(Readwrite, "b", "\0")]).await;
    assert_eq!(user.get("b", "\0").await, Ok(()));
    assert_eq!(user.get("zzz", "").await, Ok(()));
    assert_eq!(user.get("a", "\0").await, Err(denied()));
}

pub async fn ranges_that_touch_cover_together(wire: &Wire) {
    let (user, _) = with(wire, &[(Read, "a", "c"), (Readwrite, "c", "e"), (Write, "e", "g")]).await;
    assert_eq!(user.get("a", "e").await, Ok(()));
    assert_eq!(user.get("a", "f").await, Err(denied()));
    assert_eq!(user.delete("c", "g").await, Ok(()));
    assert_eq!(user.delete("b", "g").await, Err(denied()));
}

pub async fn previous_values_need_reading(wire: &Wire) {
    let (user, _) = with(wire, &[(Write, "a", "")]).await;
    let put = pb::PutRequest { prev_kv: true, ..put_of("a", "1") };
    assert_eq!(outcome(wire.kv().put(user.request(put)).await), Err(denied()));
    let delete =
        pb::DeleteRangeRequest { key: "a".to_owned().into(), prev_kv: true, ..Default::default() };
    assert_eq!(outcome(wire.kv().delete_range(user.request(delete)).await), Err(denied()));
}

fn put_op(key: &str) -> pb::RequestOp {
    pb::RequestOp { request: Some(pb::request_op::Request::RequestPut(put_of(key, "1"))) }
}

fn get_op(key: &str) -> pb::RequestOp {
    pb::RequestOp { request: Some(pb::request_op::Request::RequestRange(get_of(key))) }
}

pub async fn transactions_need_all_of_it(wire: &Wire) {
    let (user, _) = with(wire, &[(Readwrite, "a", ""), (Read, "r", "")]).await;
    let both = |success, failure| pb::TxnRequest { success, failure, ..Default::default() };
    assert_eq!(user.txn(both(vec![put_op("a"), get_op("r")], vec![get_op("a")])).await, Ok(()));
    assert_eq!(user.txn(both(vec![put_op("r")], vec![])).await, Err(denied()));
    // The branch that is not taken counts as well.
    assert_eq!(user.txn(both(vec![put_op("a")], vec![put_op("b")])).await, Err(denied()));
    assert_eq!(user.txn(both(vec![put_op("a"), get_op("b")], vec![])).await, Err(denied()));
}

pub async fn compares_need_reading(wire: &Wire) {
    let (user, _) = with(wire, &[(Write, "w", ""), (Read, "r", "")]).await;
    let on = |key: &str| pb::TxnRequest {
        compare: vec![pb::Compare { key: key.to_owned().into(), ..Default::default() }],
        ..Default::default()
    };
    assert_eq!(user.txn(on("r")).await, Ok(()));
    assert_eq!(user.txn(on("w")).await, Err(denied()));
}

pub async fn watches_need_reading(wire: &Wire) {
    let (user, _) = with(wire, &[(Read, "a", "")]).await;
    let mut stream = Stream::with_token(wire, Some(&user.token));
    stream.create(create("a")).await;
    let created = stream.next().await;
    assert!(created.created && !created.canceled);
    stream.create(create("b")).await;
    let answer = stream.next().await;
    assert!(answer.created && answer.canceled, "{answer:?}");
    assert_eq!(answer.watch_id, -1);
    let reason = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    assert_eq!(answer.cancel_reason, reason);
}

pub async fn deleting_needs_writing(wire: &Wire) {
    let (user, _) = with(wire, &[(Read, "a", "b"), (Write, "c", "d")]).await;
    assert_eq!(user.delete("a", "").await, Err(denied()));
    assert_eq!(user.delete("c", "").await, Ok(()));
    assert_eq!(user.delete("c", "d").await, Ok(()));
}

pub async fn administration_is_for_root(wire: &Wire) {
    let (user, _) = with(wire, &[(Readwrite, "\0", "\0")]).await;
    let add =
        pb::AuthUserAddRequest { name: "two".into(), password: "x".into(), ..Default::default() };
    assert_eq!(outcome(wire.auth().user_add(user.request(add)).await), Err(denied()));
    let disable = user.request(pb::AuthDisableRequest {});
    assert_eq!(outcome(wire.auth().auth_disable(disable).await), Err(denied()));
    let defragment = user.request(pb::DefragmentRequest {});
    assert_eq!(outcome(wire.maintenance().defragment(defragment).await), Err(denied()));
    let snapshot = user.request(pb::SnapshotRequest {});
    let refusal = match wire.maintenance().snapshot(snapshot).await {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.expect_err("it is refused"),
    };
    assert_eq!((refusal.code(), refusal.message().to_owned()), denied());
    // One's own account is told.
    let own = user.request(pb::AuthUserGetRequest { name: "one".into() });
    assert_eq!(accepted(wire.auth().user_get(own).await).roles, ["role"]);
    let other = user.request(pb::AuthUserGetRequest { name: "root".into() });
    assert_eq!(outcome(wire.auth().user_get(other).await), Err(denied()));
}

pub async fn compaction_is_for_root(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    let (user, root) = with(wire, &[(Readwrite, "\0", "\0")]).await;
    let compaction = pb::CompactionRequest { revision: 2, physical: false };
    assert_eq!(outcome(wire.kv().compact(user.request(compaction)).await), Err(denied()));
    assert_eq!(outcome(wire.kv().compact(root.request(compaction)).await), Ok(()));
}

pub async fn leases_of_hidden_keys_stay(wire: &Wire) {
    grant(wire, 5, 60).await;
    let leased = pb::PutRequest { lease: 5, ..put_of("hidden", "1") };
    accepted(wire.kv().put(leased).await);
    let (user, _) = with(wire, &[(Readwrite, "a", "b")]).await;
    let revoke = user.request(pb::LeaseRevokeRequest { id: 5 });
    assert_eq!(outcome(wire.lease().lease_revoke(revoke).await), Err(denied()));
    let keys = user.request(pb::LeaseTimeToLiveRequest { id: 5, keys: true });
    assert_eq!(outcome(wire.lease().lease_time_to_live(keys).await), Err(denied()));
    // Attaching to it a key of one's own is writing to what hangs on it.
    let attach = user.request(pb::PutRequest { lease: 5, ..put_of("a", "1") });
    assert_eq!(outcome(wire.kv().put(attach).await), Err(denied()));
}

pub async fn a_revoked_permission_ends(wire: &Wire) {
    let (user, root) = with(wire, &[(Readwrite, "a", "")]).await;
    assert_eq!(user.put("a").await, Ok(()));
    let revoke = pb::AuthRoleRevokePermissionRequest {
        role: "role".into(),
        key: "a".to_owned().into(),
        range_end: Vec::new().into(),
    };
    accepted(wire.auth().role_revoke_permission(root.request(revoke)).await);
    // A simple token of before says nothing of what was granted then.
    assert_eq!(user.put("a").await, Err(denied()));
}

pub async fn a_revoked_role_ends(wire: &Wire) {
    let (user, root) = with(wire, &[(Readwrite, "a", "")]).await;
    let revoke = pb::AuthUserRevokeRoleRequest { name: "one".into(), role: "role".into() };
    accepted(wire.auth().user_revoke_role(root.request(revoke)).await);
    // Taking a role away ends the user's tokens.
    let again = log_in(wire, "one", "secret").await;
    assert_eq!(again.put("a").await, Err(denied()));
    assert!(user.put("a").await.is_err());
}
