//! `etcdserverpb.Auth` on the wire.

use super::users::{add_role, add_user, enable, grant_role, log_in};
use super::*;
use store_proto::authpb;

async fn status(wire: &Wire) -> (bool, u64) {
    let answer = accepted(wire.auth().auth_status(pb::AuthStatusRequest {}).await);
    (answer.enabled, answer.auth_revision)
}

pub async fn off_at_first(wire: &Wire) {
    assert_eq!(status(wire).await, (false, 1));
    put(wire, "a", "1").await;
}

pub async fn users_come_and_go(wire: &Wire) {
    add_user(wire, "one", "secret").await;
    add_user(wire, "two", "secret").await;
    let list = async || accepted(wire.auth().user_list(pb::AuthUserListRequest {}).await).users;
    assert_eq!(list().await, ["one", "two"]);
    let again =
        pb::AuthUserAddRequest { name: "one".into(), password: "x".into(), ..Default::default() };
    let text = told(Code::FailedPrecondition, "etcdserver: user name already exists");
    assert_eq!(refused(wire.auth().user_add(again).await), text);
    let delete = pb::AuthUserDeleteRequest { name: "one".into() };
    accepted(wire.auth().user_delete(delete.clone()).await);
    let text = told(Code::FailedPrecondition, "etcdserver: user name not found");
    assert_eq!(refused(wire.auth().user_delete(delete).await), text);
    let get = pb::AuthUserGetRequest { name: "one".into() };
    assert_eq!(refused(wire.auth().user_get(get).await), text);
    assert_eq!(list().await, ["two"]);
}

pub async fn roles_come_and_go(wire: &Wire) {
    add_role(wire, "reader").await;
    add_role(wire, "writer").await;
    let list = async || accepted(wire.auth().role_list(pb::AuthRoleListRequest {}).await).roles;
    assert_eq!(list().await, ["reader", "writer"]);
    let again = pb::AuthRoleAddRequest { name: "reader".into() };
    let text = told(Code::FailedPrecondition, "etcdserver: role name already exists");
    assert_eq!(refused(wire.auth().role_add(again).await), text);
    let delete = pb::AuthRoleDeleteRequest { role: "reader".into() };
    accepted(wire.auth().role_delete(delete.clone()).await);
    let text = told(Code::FailedPrecondition, "etcdserver: role name not found");
    assert_eq!(refused(wire.auth().role_delete(delete).await), text);
    let get = pb::AuthRoleGetRequest { role: "reader".into() };
    assert_eq!(refused(wire.auth().role_get(get).await), text);
    assert_eq!(list().await, ["writer"]);
}

pub async fn users_have_roles(wire: &Wire) {
    add_user(wire, "one", "secret").await;
    for role in ["writer", "reader"] {
        add_role(wire, role).await;
        grant_role(wire, "one", role).await;
    }
    let roles = async || {
        let get = pb::AuthUserGetRequest { name: "one".into() };
        accepted(wire.auth().user_get(get).await).roles
    };
    assert_eq!(roles().await, ["reader", "writer"]);
    let unknown = pb::AuthUserGrantRoleRequest { user: "one".into(), role: "none".into() };
    let text = told(Code::FailedPrecondition, "etcdserver: role name not found");
    assert_eq!(refused(wire.auth().user_grant_role(unknown).await), text);
    let unknown = pb::AuthUserGrantRoleRequest { user: "none".into(), role: "reader".into() };
    let text = told(Code::FailedPrecondition, "etcdserver: user name not found");
    assert_eq!(refused(wire.auth().user_grant_role(unknown).await), text);
    let revoke = pb::AuthUserRevokeRoleRequest { name: "one".into(), role: "reader".into() };
    accepted(wire.auth().user_revoke_role(revoke.clone()).await);
    let text = told(Code::FailedPrecondition, "etcdserver: role is not granted to the user");
    assert_eq!(refused(wire.auth().user_revoke_role(revoke).await), text);
    // A role that goes is taken from everyone.
    accepted(wire.auth().role_delete(pb::AuthRoleDeleteRequest { role: "writer".into() }).await);
    assert!(roles().await.is_empty());
}

pub async fn roles_have_permissions(wire: &Wire) {
    add_role(wire, "reader").await;
    let permission = |key: &str, end: &str, kind: authpb::permission::Type| authpb::Permission {
        perm_type: kind.into(),
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
    };
    use authpb::permission::Type::{Read, Readwrite, Write};
    let grant =
        |perm| pb::AuthRoleGrantPermissionRequest { name: "reader".into(), perm: Some(perm) };
    let permissions = async || {
        let get = pb::AuthRoleGetRequest { role: "reader".into() };
        accepted(wire.auth().role_get(get).await).perm
    };
    for perm in [permission("b", "c", Read), permission("a", "", Write)] {
        accepted(wire.auth().role_grant_permission(grant(perm)).await);
    }
    // By key; the same range once more replaces what was granted.
    assert_eq!(permissions().await, [permission("a", "", Write), permission("b", "c", Read)]);
    accepted(wire.auth().role_grant_permission(grant(permission("a", "", Readwrite))).await);
    assert_eq!(permissions().await, [permission("a", "", Readwrite), permission("b", "c", Read)]);
    let revoke = |key: &str, end: &str| pb::AuthRoleRevokePermissionRequest {
        role: "reader".into(),
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
    };
    accepted(wire.auth().role_revoke_permission(revoke("b", "c")).await);
    let text = told(Code::FailedPrecondition, "etcdserver: permission is not granted to the role");
    assert_eq!(refused(wire.auth().role_revoke_permission(revoke("b", "c")).await), text);
    assert_eq!(permissions().await, [permission("a", "", Readwrite)]);
    let none = pb::AuthRoleGrantPermissionRequest { name: "reader".into(), perm: None };
    let text = told(Code::InvalidArgument, "etcdserver: permission not given");
    assert_eq!(refused(wire.auth().role_grant_permission(none).await), text);
    let reversed = grant(permission("c", "b", Read));
    let text = told(Code::InvalidArgument, "etcdserver: permission key range is invalid");
    let (code, message) = refused(wire.auth().role_grant_permission(reversed).await);
    // The text differs between versions.
    assert_eq!(code, text.0, "{message}");
}

pub async fn enabling_needs_root(wire: &Wire) {
    let enable = async || wire.auth().auth_enable(pb::AuthEnableRequest {}).await;
    let text = told(Code::FailedPrecondition, "etcdserver: root user does not exist");
    assert_eq!(refused(enable().await), text);
    add_user(wire, "root", "root").await;
    let text = told(Code::FailedPrecondition, "etcdserver: root user does not have root role");
    assert_eq!(refused(enable().await), text);
    add_role(wire, "root").await;
    grant_role(wire, "root", "root").await;
    accepted(enable().await);
    log_in(wire, "root", "root").await;
}

pub async fn enabling_twice_is_fine(wire: &Wire) {
    let root = enable(wire).await;
    let again = root.request(pb::AuthEnableRequest {});
    accepted(wire.auth().auth_enable(again).await);
}

pub async fn off_it_knows_no_passwords(wire: &Wire) {
    add_user(wire, "one", "secret").await;
    let request = pb::AuthenticateRequest { name: "one".into(), password: "secret".into() };
    let text = told(Code::FailedPrecondition, "etcdserver: authentication is not enabled");
    assert_eq!(refused(wire.auth().authenticate(request).await), text);
}

pub async fn passwords_let_in(wire: &Wire) {
    add_user(wire, "one", "secret").await;
    enable(wire).await;
    assert!(!log_in(wire, "one", "secret").await.token.is_empty());
    let text = "etcdserver: authentication failed, invalid user ID or password";
    let text = told(Code::InvalidArgument, text);
    for (name, password) in [("one", "wrong"), ("one", ""), ("none", "secret")] {
        let request = pb::AuthenticateRequest { name: name.into(), password: password.into() };
        assert_eq!(refused(wire.auth().authenticate(request).await), text, "{name} {password}");
    }
}

pub async fn a_changed_password(wire: &Wire) {
    add_user(wire, "one", "old").await;
    let change = pb::AuthUserChangePasswordRequest {
        name: "one".into(),
        password: "new".into(),
        ..Default::default()
    };
    accepted(wire.auth().user_change_password(change.clone()).await);
    enable(wire).await;
    log_in(wire, "one", "new").await;
    let old = pb::AuthenticateRequest { name: "one".into(), password: "old".into() };
    assert_eq!(refused(wire.auth().authenticate(old).await).0, Code::InvalidArgument);
}

pub async fn a_user_without_password(wire: &Wire) {
    let request = pb::AuthUserAddRequest {
        name: "one".into(),
        options: Some(authpb::UserAddOptions { no_password: true }),
        ..Default::default()
    };
    accepted(wire.auth().user_add(request).await);
    enable(wire).await;
    let empty = pb::AuthenticateRequest { name: "one".into(), password: String::new() };
    let text = "auth: authentication failed, password was given for no password user";
    assert_eq!(refused(wire.auth().authenticate(empty).await), told(Code::Unknown, text));
}

pub async fn every_change_counts(wire: &Wire) {
    let (_, before) = status(wire).await;
    add_user(wire, "one", "secret").await;
    add_role(wire, "reader").await;
    grant_role(wire, "one", "reader").await;
    assert_eq!(status(wire).await.1, before + 3);
    put(wire, "a", "1").await;
    assert_eq!(status(wire).await.1, before + 3);
}

pub async fn root_stays_while_it_is_on(wire: &Wire) {
    let root = enable(wire).await;
    let user = root.request(pb::AuthUserDeleteRequest { name: "root".into() });
    let text = told(Code::InvalidArgument, "etcdserver: invalid auth management");
    assert_eq!(refused(wire.auth().user_delete(user).await), text);
    let role = root.request(pb::AuthRoleDeleteRequest { role: "root".into() });
    assert_eq!(refused(wire.auth().role_delete(role).await), text);
    let revoke = pb::AuthUserRevokeRoleRequest { name: "root".into(), role: "root".into() };
    assert_eq!(refused(wire.auth().user_revoke_role(root.request(revoke)).await), text);
}

pub async fn an_unnamed_user_is_refused(wire: &Wire) {
    let request = pb::AuthUserAddRequest { password: "x".into(), ..Default::default() };
    let text = told(Code::InvalidArgument, "etcdserver: user name is empty");
    assert_eq!(refused(wire.auth().user_add(request).await), text);
}

pub async fn an_unnamed_role_is_refused(wire: &Wire) {
    let request = pb::AuthRoleAddRequest { name: String::new() };
    let text = told(Code::InvalidArgument, "etcdserver: role name is empty");
    assert_eq!(refused(wire.auth().role_add(request).await), text);
}

pub async fn disabling_lets_everyone_in(wire: &Wire) {
    let root = enable(wire).await;
    accepted(wire.auth().auth_disable(root.request(pb::AuthDisableRequest {})).await);
    assert!(!status(wire).await.0);
    put(wire, "a", "1").await;
}

pub async fn a_wrong_token_is_told(wire: &Wire) {
    enable(wire).await;
    let stranger = super::users::As { wire: wire.clone(), token: "none.1".into() };
    let answer = stranger.wire.kv().range(stranger.request(get_of("a"))).await;
    let text = told(Code::Unauthenticated, "etcdserver: invalid auth token");
    assert_eq!(refused(answer), text);
}

pub async fn no_token_is_told(wire: &Wire) {
    enable(wire).await;
    let text = told(Code::InvalidArgument, "etcdserver: user name is empty");
    assert_eq!(refused(wire.kv().range(get_of("a")).await), text);
    assert_eq!(refused(wire.kv().put(put_of("a", "1")).await), text);
    assert_eq!(refused(wire.auth().user_list(pb::AuthUserListRequest {}).await), text);
}
