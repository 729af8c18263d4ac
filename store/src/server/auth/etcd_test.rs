//! The same random requests to a real etcd and to ours: every answer, code and text alike.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store_proto::authpb;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::auth_client::AuthClient;
use store_proto::etcdserverpb::kv_client::KvClient;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::Config;
use crate::remote::testing::{Etcd, installed};
use crate::server::testing::Served;

/// Requests of one run.
const STEPS: usize = 400;
/// Each seed is a run on a store of its own.
const SEEDS: [u64; 3] = [1, 2, 3];

const USERS: [&str; 4] = ["root", "ann", "bob", ""];
/// Who asks; nobody shows no token.
const CALLERS: [&str; 5] = ["root", "ann", "ann", "bob", "nobody"];
const CALLERS_OF_CHANGES: [&str; 8] =
    ["root", "root", "root", "root", "root", "ann", "bob", "nobody"];
const ROLES: [&str; 4] = ["root", "one", "two", ""];
const KEYS: [&str; 5] = ["a", "b", "c", "d", ""];
const ENDS: [&str; 6] = ["", "b", "c", "d", "e", "\0"];

/// One request, chosen before it is sent anywhere.
#[derive(Clone, Debug)]
enum Step {
    Enable,
    Disable,
    Status,
    UserAdd { name: &'static str, no_password: bool },
    UserGet(&'static str),
    UserList,
    UserDelete(&'static str),
    UserPassword(&'static str),
    Grant { user: &'static str, role: &'static str },
    Revoke { user: &'static str, role: &'static str },
    RoleAdd(&'static str),
    RoleGet(&'static str),
    RoleList,
    RoleDelete(&'static str),
    Permit { role: &'static str, kind: i32, key: &'static str, end: &'static str },
    Forbid { role: &'static str, key: &'static str, end: &'static str },
    LogIn { name: &'static str, password: &'static str },
    Get { key: &'static str, end: &'static str },
    Put { key: &'static str, prev_kv: bool },
    Delete { key: &'static str, end: &'static str, prev_kv: bool },
}

fn one_of<T: Copy>(random: &mut StdRng, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())]
}

impl Step {
    /// Users who matter, before anything is left to chance.
    fn prologue() -> Vec<Self> {
        let mut steps = Vec::new();
        for name in ["root", "ann", "bob"] {
            steps.push(Self::UserAdd { name, no_password: false });
        }
        steps.extend(["root", "one", "two"].map(Self::RoleAdd));
        for (user, role) in [("root", "root"), ("ann", "one"), ("bob", "two")] {
            steps.push(Self::Grant { user, role });
        }
        steps.push(Self::Permit { role: "one", kind: 2, key: "a", end: "c" });
        steps.push(Self::Permit { role: "two", kind: 2, key: "b", end: "\0" });
        steps.push(Self::Enable);
        steps.extend(["root", "ann", "bob"].map(|name| Self::LogIn { name, password: name }));
        steps
    }

    /// Requests on keys more often than changes, and these more often than what ends everything.
    fn random(random: &mut StdRng) -> Self {
        let (user, role) = (one_of(random, &USERS), one_of(random, &ROLES));
        let (key, end) = (one_of(random, &KEYS), one_of(random, &ENDS));
        match random.random_range(0..60) {
            0 | 1 => Self::Enable,
            2 => Self::Disable,
            3 | 4 => Self::Status,
            5 | 6 => Self::UserAdd { name: user, no_password: random.random_ratio(1, 8) },
            7 | 8 => Self::UserGet(user),
            9 => Self::UserList,
            10 => Self::UserDelete(user),
            11 => Self::UserPassword(user),
            12..=14 => Self::Grant { user, role },
            15 => Self::Revoke { user, role },
            16 | 17 => Self::RoleAdd(role),
            18 | 19 => Self::RoleGet(role),
            20 => Self::RoleList,
            21 => Self::RoleDelete(role),
            22..=25 => Self::Permit { role, kind: random.random_range(0..3), key, end },
            26 => Self::Forbid { role, key, end },
            27..=32 => {
                let right = random.random_ratio(7, 8);
                Self::LogIn { name: user, password: if right { user } else { "wrong" } }
            }
            33..=41 => Self::Get { key, end },
            42..=50 => Self::Put { key, prev_kv: random.random() },
            _ => Self::Delete { key, end, prev_kv: random.random() },
        }
    }
}

/// One of the two stores, with the tokens of those who have logged in.
struct Side {
    channel: Channel,
    tokens: BTreeMap<&'static str, String>,
}

/// What is told, less what differs between any two stores: ids and terms.
fn answer<T: std::fmt::Debug>(
    answer: Result<Response<T>, Status>,
    tell: impl Fn(T) -> String,
) -> String {
    match answer {
        Ok(answer) => tell(answer.into_inner()),
        Err(status) => format!("{:?} {}", status.code(), status.message()),
    }
}

fn header(header: Option<pb::ResponseHeader>) -> String {
    let header = header.expect("an answer has a header");
    assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term != 0);
    format!("at {}", header.revision)
}

impl Side {
    fn new(channel: Channel) -> Self {
        Self { channel, tokens: BTreeMap::new() }
    }

    fn request_of<T>(&self, user: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = self.tokens.get(user) {
            request.metadata_mut().insert("token", token.parse().expect("a token is text"));
        }
        request
    }

    /// What `user` is told, who shows a token if it has one.
    async fn take(&mut self, user: &str, step: Step) -> String {
        let mut auth = AuthClient::new(self.channel.clone());
        let mut kv = KvClient::new(self.channel.clone());
        match step {
            Step::Enable => {
                let told = auth.auth_enable(self.request_of(user, pb::AuthEnableRequest {})).await;
                answer(told, |told| header(told.header))
            }
            Step::Disable => {
                let told =
                    auth.auth_disable(self.request_of(user, pb::AuthDisableRequest {})).await;
                answer(told, |told| header(told.header))
            }
            Step::Status => {
                let told = auth.auth_status(self.request_of(user, pb::AuthStatusRequest {})).await;
                answer(told, |told| format!("{} {}", told.enabled, told.auth_revision))
            }
            Step::UserAdd { name, no_password } => {
                let request = self.request_of(
                    user,
                    pb::AuthUserAddRequest {
                        name: name.into(),
                        password: name.into(),
                        options: Some(authpb::UserAddOptions { no_password }),
                        ..Default::default()
                    },
                );
                answer(auth.user_add(request).await, |told| header(told.header))
            }
            Step::UserGet(name) => {
                let request = self.request_of(user, pb::AuthUserGetRequest { name: name.into() });
                answer(auth.user_get(request).await, |told| format!("{:?}", told.roles))
            }
            Step::UserList => {
                let told = auth.user_list(self.request_of(user, pb::AuthUserListRequest {})).await;
                answer(told, |told| format!("{:?}", told.users))
            }
            Step::UserDelete(name) => {
                let request =
                    self.request_of(user, pb::AuthUserDeleteRequest { name: name.into() });
                answer(auth.user_delete(request).await, |told| header(told.header))
            }
            Step::UserPassword(name) => {
                let request = self.request_of(
                    user,
                    pb::AuthUserChangePasswordRequest {
                        name: name.into(),
                        password: name.into(),
                        ..Default::default()
                    },
                );
                answer(auth.user_change_password(request).await, |told| header(told.header))
            }
            Step::Grant { user: name, role } => {
                let grant = pb::AuthUserGrantRoleRequest { user: name.into(), role: role.into() };
                let told = auth.user_grant_role(self.request_of(user, grant)).await;
                answer(told, |told| header(told.header))
            }
            Step::Revoke { user: name, role } => {
                let revoke = pb::AuthUserRevokeRoleRequest { name: name.into(), role: role.into() };
                let told = auth.user_revoke_role(self.request_of(user, revoke)).await;
                answer(told, |told| header(told.header))
            }
            Step::RoleAdd(name) => {
                let request = self.request_of(user, pb::AuthRoleAddRequest { name: name.into() });
                answer(auth.role_add(request).await, |told| header(told.header))
            }
            Step::RoleGet(role) => {
                let request = self.request_of(user, pb::AuthRoleGetRequest { role: role.into() });
                answer(auth.role_get(request).await, |told| format!("{:?}", told.perm))
            }
            Step::RoleList => {
                let told = auth.role_list(self.request_of(user, pb::AuthRoleListRequest {})).await;
                answer(told, |told| format!("{:?}", told.roles))
            }
            Step::RoleDelete(role) => {
                let request =
                    self.request_of(user, pb::AuthRoleDeleteRequest { role: role.into() });
                answer(auth.role_delete(request).await, |told| header(told.header))
            }
            Step::Permit { role, kind, key, end } => {
                let perm =
                    authpb::Permission { perm_type: kind, key: key.into(), range_end: end.into() };
                let perm = Some(perm);
                let grant = pb::AuthRoleGrantPermissionRequest { name: role.into(), perm };
                let told = auth.role_grant_permission(self.request_of(user, grant)).await;
                answer(told, |told| header(told.header))
            }
            Step::Forbid { role, key, end } => {
                let request = self.request_of(
                    user,
                    pb::AuthRoleRevokePermissionRequest {
                        role: role.into(),
                        key: key.into(),
                        range_end: end.into(),
                    },
                );
                answer(auth.role_revoke_permission(request).await, |told| header(told.header))
            }
            Step::LogIn { name, password } => {
                let request =
                    pb::AuthenticateRequest { name: name.into(), password: password.into() };
                let told = auth.authenticate(request).await;
                if let Ok(told) = &told {
                    self.tokens.insert(name, told.get_ref().token.clone());
                }
                answer(told, |told| header(told.header))
            }
            Step::Get { key, end } => {
                let request = self.request_of(
                    user,
                    pb::RangeRequest {
                        key: key.into(),
                        range_end: end.into(),
                        ..Default::default()
                    },
                );
                answer(kv.range(request).await, |told| format!("{:?}", told.kvs))
            }
            Step::Put { key, prev_kv } => {
                let request = self.request_of(
                    user,
                    pb::PutRequest { key: key.into(), prev_kv, ..Default::default() },
                );
                answer(kv.put(request).await, |told| format!("{:?}", told.prev_kv))
            }
            Step::Delete { key, end, prev_kv } => {
                let request = self.request_of(
                    user,
                    pb::DeleteRangeRequest { key: key.into(), range_end: end.into(), prev_kv },
                );
                let told = kv.delete_range(request).await;
                answer(told, |told| format!("{} {:?}", told.deleted, told.prev_kvs))
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_answers_alike() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so users were not held against etcd itself");
        return;
    };
    let mut denied = 0;
    for seed in SEEDS {
        let mut etcd = Etcd::start(&program);
        let served = Served::with(Config { bcrypt_cost: 4, ..Config::default() }).await;
        let mut theirs = Side::new(etcd.connect().await.channel());
        let mut ours = Side::new(served.connect().await.channel());
        let mut random = StdRng::seed_from_u64(seed);
        let mut steps: Vec<_> = Step::prologue().into_iter().map(|step| ("root", step)).collect();
        for _ in 0..STEPS {
            let step = Step::random(&mut random);
            // Those who may do nothing change little: root asks for most changes.
            let asks = match step {
                Step::Get { .. } | Step::Put { .. } | Step::Delete { .. } => &CALLERS[..],
                // etcd before 3.7 tells root alone.
                Step::Status => &["root"],
                _ => &CALLERS_OF_CHANGES[..],
            };
            steps.push((one_of(&mut random, asks), step));
        }
        for (at, (user, step)) in steps.iter().enumerate() {
            let expected = theirs.take(user, step.clone()).await;
            let told = ours.take(user, step.clone()).await;
            denied += usize::from(expected.ends_with("permission denied"));
            let before = &steps[..at];
            assert_eq!(told, expected, "seed {seed}: {user} asks {step:?} after {before:#?}");
        }
        served.stop().await;
    }
    // Otherwise the runs have shown little.
    assert!(denied > SEEDS.len() * STEPS / 40, "{denied} denied");
}
