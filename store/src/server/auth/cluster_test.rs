//! Users on three members: what one member was told, all of them hold to.

use std::sync::Arc;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::auth_server::Auth as _;
use store_proto::etcdserverpb::kv_server::Kv as _;
use tonic::{Code, Request, Response, Status};

use super::AuthService;
use crate::Embedded;
use crate::auth::{Change, Permission, PermissionKind, ROOT};
use crate::command::Command;
use crate::peer::testing::TestCluster;
use crate::server::access::Access;
use crate::server::kv::KvService;

/// The services of one member, without a socket between.
struct Services {
    auth: AuthService,
    kv: KvService,
}

impl Services {
    fn of(store: &Arc<Embedded>) -> Self {
        let access = Access::new(store.clone());
        Self { auth: AuthService::new(access.clone()), kv: KvService(access) }
    }

    async fn log_in(&self, name: &str) -> String {
        let request = pb::AuthenticateRequest { name: name.into(), password: name.into() };
        let answer = self.auth.authenticate(Request::new(request)).await;
        answer.expect("the password is right").into_inner().token
    }

    async fn put(&self, token: Option<&str>, key: &'static str) -> Result<(), Code> {
        let put = pb::PutRequest { key: key.into(), ..Default::default() };
        code(self.kv.put(shown(token, put)).await)
    }

    async fn get(&self, token: Option<&str>, key: &'static str) -> Result<(), Code> {
        let get = pb::RangeRequest { key: key.into(), ..Default::default() };
        code(self.kv.range(shown(token, get)).await)
    }
}

fn shown<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("token", token.parse().expect("a token is text"));
    }
    request
}

fn code<T>(answer: Result<Response<T>, Status>) -> Result<(), Code> {
    answer.map(drop).map_err(|status| status.code())
}

/// root, and ann who may do everything with `a`.
async fn set_up(store: &Embedded) {
    let user = |name: &str| Change::UserAdd {
        name: name.into(),
        password: crate::auth::hash_password(name, 4).expect("a short password is hashed"),
        no_password: false,
    };
    let grant =
        |name: &str, role: &str| Change::UserGrantRole { name: name.into(), role: role.into() };
    let permission =
        Permission { kind: PermissionKind::ReadWrite, key: "a".into(), end: Bytes::new() };
    let changes = [
        user("root"),
        grant("root", ROOT),
        Change::RoleAdd { name: "some".into() },
        Change::RoleGrantPermission { name: "some".into(), permission },
        user("ann"),
        grant("ann", "some"),
        Change::Enable,
    ];
    for change in changes {
        store.propose(Command::Auth(Box::new(change))).await.expect("the change is accepted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_one_member_is_good_on_all() {
    let mut cluster = TestCluster::in_memory(3).await;
    let members: Vec<_> = (0..3).map(|number| Services::of(cluster.store(number))).collect();
    set_up(cluster.store(cluster.follower().await)).await;
    // At once on members that may not have heard of it yet.
    for member in &members {
        assert_eq!(member.put(None, "a").await, Err(Code::InvalidArgument));
        assert_eq!(member.get(None, "a").await, Err(Code::InvalidArgument));
        assert_eq!(member.put(Some("x.1"), "a").await, Err(Code::Unauthenticated));
    }
    for maker in &members {
        let token = maker.log_in("ann").await;
        for member in &members {
            assert_eq!(member.put(Some(&token), "a").await, Ok(()));
            assert_eq!(member.get(Some(&token), "a").await, Ok(()));
            assert_eq!(member.put(Some(&token), "b").await, Err(Code::PermissionDenied));
        }
    }
    cluster.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_member_takes_away_is_gone_on_all() {
    const ROUNDS: usize = 5;
    let mut cluster = TestCluster::in_memory(3).await;
    let members: Vec<_> = (0..3).map(|number| Services::of(cluster.store(number))).collect();
    set_up(cluster.store(0)).await;
    let token = members[0].log_in("ann").await;
    let change = |change: Change| cluster.store(0).propose(Command::Auth(Box::new(change)));
    for round in 0..ROUNDS {
        let (name, role) = ("ann".to_owned(), "some".to_owned());
        let revoke = Change::UserRevokeRole { name: name.clone(), role: role.clone() };
        change(revoke).await.expect("the role is revoked");
        for member in &members {
            assert_eq!(member.get(Some(&token), "a").await, Err(Code::PermissionDenied), "{round}");
            assert_eq!(member.put(Some(&token), "a").await, Err(Code::PermissionDenied), "{round}");
        }
        change(Change::UserGrantRole { name, role }).await.expect("the role is granted");
        for member in &members {
            assert_eq!(member.get(Some(&token), "a").await, Ok(()), "{round}");
            assert_eq!(member.put(Some(&token), "a").await, Ok(()), "{round}");
        }
    }
    let password = crate::auth::hash_password("new", 4).expect("a short password is hashed");
    let changed = Change::UserChangePassword { name: "ann".into(), password };
    change(changed).await.expect("the password is changed");
    assert_eq!(members[0].get(Some(&token), "a").await, Err(Code::Unauthenticated));
    cluster.stop_all().await;
}
