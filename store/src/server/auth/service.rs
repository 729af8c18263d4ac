//! `etcdserverpb.Auth`.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use store_proto::authpb;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::auth_server::Auth;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::guard::{Freshness, Guard};
use crate::auth::{
    self, Change, Permission, PermissionKind, Permit, ROOT, Refusal, Rights, Subject, TokenSpec,
};
use crate::command::Command;
use crate::error::Error;
use crate::reply::Reply;
use crate::server::access::{Access, Caller};
use crate::server::convert;
use crate::types::Header;

/// Passwords hashed at once, so that logins leave a core for everything else.
const HASHES_AT_ONCE: usize = 2;

/// How often a password is looked at again because users or roles changed while it was hashed.
const LOGIN_ATTEMPTS: usize = 8;

pub(in crate::server) struct AuthService {
    access: Access,
    hashing: Arc<Semaphore>,
}

impl AuthService {
    pub(in crate::server) fn new(access: Access) -> Self {
        Self { access, hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)) }
    }

    fn guard(&self) -> &Guard {
        &self.access.guard
    }

    /// Has every member apply a change, if the caller is root.
    async fn change(
        &self,
        caller: &Caller,
        change: Change,
    ) -> Result<Option<pb::ResponseHeader>, Status> {
        let command = Command::Auth(Box::new(change));
        let propose = || self.access.store.propose(command.clone());
        let reply = self.guard().write(caller, |rights| rights.root(), propose).await?;
        Ok(convert::header(header_of(reply)))
    }

    /// Reads the latest users and roles, if `check` permits it.
    async fn read<T>(
        &self,
        caller: &Caller,
        check: impl Fn(&Rights<'_>) -> Result<(), Refusal>,
        read: impl Fn(&auth::Auth) -> Result<T, Refusal>,
    ) -> Result<(Option<pb::ResponseHeader>, T), Status> {
        let published = &self.access.store.published;
        let run = || async {
            self.access.store.linearize().await?;
            let state = published.state.load_full();
            let found = read(&state.side.auth)?;
            Ok((convert::header(published.header(state.revision)), found))
        };
        Ok(self.guard().read(caller, Freshness::Latest, check, run).await?)
    }

    /// Hashes on a thread that may be slow.
    async fn hash(&self, password: String) -> Result<Bytes, Status> {
        let cost = self.access.store.config.bcrypt_cost;
        let hash = self.slowly(move || auth::hash_password(&password, cost)).await;
        Ok(hash.map_err(Error::from)?)
    }

    async fn slowly<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let turn = Arc::clone(&self.hashing).acquire_owned().await;
        let work = move || {
            // Held by the work itself, which goes on when its request is cancelled.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }

    /// The user's facts if the password is right, with the revision they are of.
    async fn log_in(&self, name: &str, password: &str) -> Result<u64, Error> {
        let state = self.access.store.published.state.load_full();
        let facts = &state.side.auth;
        let hash = match facts.authenticate(name) {
            Ok(user) => user.password.clone(),
            Err(Refusal::AuthFailed) if has_no_password(facts, name) => {
                return Err(Refusal::NoPasswordUser.into());
            }
            Err(refusal) => return Err(refusal.into()),
        };
        let password = password.to_owned();
        let right = self.slowly(move || auth::password_matches(&password, &hash)).await;
        if right { Ok(facts.revision) } else { Err(Refusal::AuthFailed.into()) }
    }

    /// A token for `name`, whose password was right at `revision`.
    async fn token(&self, name: &str, revision: u64) -> Result<Reply, Error> {
        let store = &self.access.store;
        match &store.config.auth_token {
            TokenSpec::Simple => {
                let token_prefix = auth::new_token_prefix();
                let change = Change::Authenticate { name: name.to_owned(), token_prefix };
                let permit = Permit { auth_revision: revision, user: Arc::default() };
                permit.scope(store.propose(Command::Auth(Box::new(change)))).await
            }
            TokenSpec::Jwt(jwt) => {
                let subject = Subject { user: name.into(), revision };
                let token = jwt.sign(&subject, SystemTime::now())?;
                let revision = store.published.state.load().revision;
                Ok(Reply::Token { header: store.published.header(revision), token })
            }
            TokenSpec::None => Err(Refusal::AuthFailed.into()),
        }
    }
}

fn has_no_password(facts: &auth::Auth, name: &str) -> bool {
    facts.users.get(name).is_some_and(|user| user.no_password)
}

fn header_of(reply: Reply) -> Header {
    match reply {
        Reply::Header(header) => header,
        other => unreachable!("a change of users and roles was answered by {other:?}"),
    }
}

/// Answers with nothing but a header.
macro_rules! header_alone {
    ($self:ident, $request:ident, $answer:ident, $change:expr) => {{
        let (caller, message) = Caller::of($request);
        let change = $change;
        let header = $self.change(&caller, change(message)).await?;
        Ok(Response::new(pb::$answer { header }))
    }};
}

#[tonic::async_trait]
impl Auth for AuthService {
    async fn auth_enable(
        &self,
        request: Request<pb::AuthEnableRequest>,
    ) -> Result<Response<pb::AuthEnableResponse>, Status> {
        header_alone!(self, request, AuthEnableResponse, |_: pb::AuthEnableRequest| Change::Enable)
    }

    async fn auth_disable(
        &self,
        request: Request<pb::AuthDisableRequest>,
    ) -> Result<Response<pb::AuthDisableResponse>, Status> {
        let change = |_: pb::AuthDisableRequest| Change::Disable;
        header_alone!(self, request, AuthDisableResponse, change)
    }

    /// Anybody may ask, but a token that is shown must be good.
    async fn auth_status(
        &self,
        request: Request<pb::AuthStatusRequest>,
    ) -> Result<Response<pb::AuthStatusResponse>, Status> {
        let (caller, _) = Caller::of(request);
        let status = |facts: &auth::Auth| Ok((facts.enabled, facts.revision));
        let (header, (enabled, auth_revision)) = self.read(&caller, |_| Ok(()), status).await?;
        Ok(Response::new(pb::AuthStatusResponse { header, enabled, auth_revision }))
    }

    /// As in etcd, whoever has changed since the password was looked at is looked at again.
    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Result<Response<pb::AuthenticateResponse>, Status> {
        let pb::AuthenticateRequest { name, password } = request.into_inner();
        self.access.store.linearize().await?;
        for _ in 0..LOGIN_ATTEMPTS {
            let revision = self.log_in(&name, &password).await?;
            match self.token(&name, revision).await {
                Ok(Reply::Token { header, token }) => {
                    let header = convert::header(header);
                    return Ok(Response::new(pb::AuthenticateResponse { header, token }));
                }
                Ok(other) => unreachable!("a login was answered by {other:?}"),
                Err(Error::Auth(Refusal::OldRevision)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Auth(Refusal::OldRevision).into())
    }

    async fn user_add(
        &self,
        request: Request<pb::AuthUserAddRequest>,
    ) -> Result<Response<pb::AuthUserAddResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.guard().root(&caller).await?;
        let no_password = request.options.is_some_and(|options| options.no_password);
        let password = if no_password { Bytes::new() } else { self.hash(request.password).await? };
        let change = Change::UserAdd { name: request.name, password, no_password };
        let header = self.change(&caller, change).await?;
        Ok(Response::new(pb::AuthUserAddResponse { header }))
    }

    /// Root may see every user, and everyone itself.
    async fn user_get(
        &self,
        request: Request<pb::AuthUserGetRequest>,
    ) -> Result<Response<pb::AuthUserGetResponse>, Status> {
        let (caller, pb::AuthUserGetRequest { name }) = Caller::of(request);
        let roles = |facts: &auth::Auth| {
            let user = facts.users.get(&name).ok_or(Refusal::UserNotFound)?;
            Ok(user.roles.iter().cloned().collect())
        };
        let (header, roles) = self.read(&caller, |rights| rights.see_user(&name), roles).await?;
        Ok(Response::new(pb::AuthUserGetResponse { header, roles }))
    }

    async fn user_list(
        &self,
        request: Request<pb::AuthUserListRequest>,
    ) -> Result<Response<pb::AuthUserListResponse>, Status> {
        let (caller, _) = Caller::of(request);
        let names = |facts: &auth::Auth| Ok(facts.users.keys().cloned().collect());
        let (header, users) = self.read(&caller, |rights| rights.root(), names).await?;
        Ok(Response::new(pb::AuthUserListResponse { header, users }))
    }

    async fn user_delete(
        &self,
        request: Request<pb::AuthUserDeleteRequest>,
    ) -> Result<Response<pb::AuthUserDeleteResponse>, Status> {
        let change = |message: pb::AuthUserDeleteRequest| Change::UserDelete { name: message.name };
        header_alone!(self, request, AuthUserDeleteResponse, change)
    }

    /// A hash that was made elsewhere is taken where no password is given, as in etcd.
    async fn user_change_password(
        &self,
        request: Request<pb::AuthUserChangePasswordRequest>,
    ) -> Result<Response<pb::AuthUserChangePasswordResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.guard().root(&caller).await?;
        let password = if request.password.is_empty() {
            let hash = STANDARD.decode(&request.hashed_password);
            Bytes::from(hash.map_err(|_| Error::from(Refusal::NoPasswordUser))?)
        } else {
            self.hash(request.password).await?
        };
        let change = Change::UserChangePassword { name: request.name, password };
        let header = self.change(&caller, change).await?;
        Ok(Response::new(pb::AuthUserChangePasswordResponse { header }))
    }

    async fn user_grant_role(
        &self,
        request: Request<pb::AuthUserGrantRoleRequest>,
    ) -> Result<Response<pb::AuthUserGrantRoleResponse>, Status> {
        let change = |message: pb::AuthUserGrantRoleRequest| Change::UserGrantRole {
            name: message.user,
            role: message.role,
        };
        header_alone!(self, request, AuthUserGrantRoleResponse, change)
    }

    async fn user_revoke_role(
        &self,
        request: Request<pb::AuthUserRevokeRoleRequest>,
    ) -> Result<Response<pb::AuthUserRevokeRoleResponse>, Status> {
        let change = |message: pb::AuthUserRevokeRoleRequest| Change::UserRevokeRole {
            name: message.name,
            role: message.role,
        };
        header_alone!(self, request, AuthUserRevokeRoleResponse, change)
    }

    async fn role_add(
        &self,
        request: Request<pb::AuthRoleAddRequest>,
    ) -> Result<Response<pb::AuthRoleAddResponse>, Status> {
        let change = |message: pb::AuthRoleAddRequest| Change::RoleAdd { name: message.name };
        header_alone!(self, request, AuthRoleAddResponse, change)
    }

    /// Root may see every role, and everyone those it has. Root's own role lists everything,
    /// whatever was granted to it.
    async fn role_get(
        &self,
        request: Request<pb::AuthRoleGetRequest>,
    ) -> Result<Response<pb::AuthRoleGetResponse>, Status> {
        let (caller, pb::AuthRoleGetRequest { role }) = Caller::of(request);
        let permissions = |facts: &auth::Auth| {
            let found = facts.roles.get(&role).ok_or(Refusal::RoleNotFound)?;
            Ok(match role.as_str() {
                ROOT => vec![everything()],
                _ => found.permissions.iter().map(to_wire).collect(),
            })
        };
        let see = |rights: &Rights<'_>| rights.see_role(&role);
        let (header, perm) = self.read(&caller, see, permissions).await?;
        Ok(Response::new(pb::AuthRoleGetResponse { header, perm }))
    }

    async fn role_list(
        &self,
        request: Request<pb::AuthRoleListRequest>,
    ) -> Result<Response<pb::AuthRoleListResponse>, Status> {
        let (caller, _) = Caller::of(request);
        let names = |facts: &auth::Auth| Ok(facts.roles.keys().cloned().collect());
        let (header, roles) = self.read(&caller, |rights| rights.root(), names).await?;
        Ok(Response::new(pb::AuthRoleListResponse { header, roles }))
    }

    async fn role_delete(
        &self,
        request: Request<pb::AuthRoleDeleteRequest>,
    ) -> Result<Response<pb::AuthRoleDeleteResponse>, Status> {
        let change = |message: pb::AuthRoleDeleteRequest| Change::RoleDelete { name: message.role };
        header_alone!(self, request, AuthRoleDeleteResponse, change)
    }

    async fn role_grant_permission(
        &self,
        request: Request<pb::AuthRoleGrantPermissionRequest>,
    ) -> Result<Response<pb::AuthRoleGrantPermissionResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.guard().root(&caller).await?;
        let permission = request.perm.ok_or(Error::from(Refusal::PermissionNotGiven))?;
        let permission = from_wire(permission)?;
        let change = Change::RoleGrantPermission { name: request.name, permission };
        let header = self.change(&caller, change).await?;
        Ok(Response::new(pb::AuthRoleGrantPermissionResponse { header }))
    }

    async fn role_revoke_permission(
        &self,
        request: Request<pb::AuthRoleRevokePermissionRequest>,
    ) -> Result<Response<pb::AuthRoleRevokePermissionResponse>, Status> {
        let change = |message: pb::AuthRoleRevokePermissionRequest| Change::RoleRevokePermission {
            name: message.role,
            key: message.key,
            end: message.range_end,
        };
        header_alone!(self, request, AuthRoleRevokePermissionResponse, change)
    }
}

/// What the root role is shown to permit.
fn everything() -> authpb::Permission {
    authpb::Permission {
        perm_type: authpb::permission::Type::Readwrite.into(),
        key: Bytes::new(),
        range_end: Bytes::from_static(b"\0"),
    }
}

fn to_wire(permission: &Permission) -> authpb::Permission {
    use authpb::permission::Type;
    let kind = match permission.kind {
        PermissionKind::Read => Type::Read,
        PermissionKind::Write => Type::Write,
        PermissionKind::ReadWrite => Type::Readwrite,
    };
    authpb::Permission {
        perm_type: kind.into(),
        key: permission.key.clone(),
        range_end: permission.end.clone(),
    }
}

/// etcd stores a kind that it does not know, and permits nothing by it. Here it is refused.
fn from_wire(permission: authpb::Permission) -> Result<Permission, Error> {
    use authpb::permission::Type;
    let kind = match Type::try_from(permission.perm_type) {
        Ok(Type::Read) => PermissionKind::Read,
        Ok(Type::Write) => PermissionKind::Write,
        Ok(Type::Readwrite) => PermissionKind::ReadWrite,
        Err(_) => return Err(Refusal::InvalidManagement.into()),
    };
    Ok(Permission { kind, key: permission.key, end: permission.range_end })
}
