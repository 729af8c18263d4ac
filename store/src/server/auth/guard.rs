//! Asks, for each request, whether it is permitted.
//!
//! The order is etcd's turned round: a request is permitted here, by the member that received it,
//! and what it proposes carries the revision of users and roles that permitted it. If that has
//! changed when the command is applied, it is refused there, and permitted anew here. A read is
//! looked at again after it, in the same way. While users do not matter this costs one load before
//! and, for reads, one after.
//!
//! A member may lag behind. So nothing is refused on old news where the request asks for the latest:
//! a refusal is decided again on a state that holds everything acknowledged before.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tonic::{Code, Status};

use super::identity;
use crate::Embedded;
use crate::auth::{Permit, Refusal, Rights, Subject, TokenSpec, token_index};
use crate::error::Error;
use crate::mvcc::State;
use crate::server::access::Caller;

/// How often a request is permitted anew because users or roles changed meanwhile. Whoever changes
/// them faster than that sees a client refused, which proves itself again and retries.
const ATTEMPTS: usize = 8;

/// How long a member that lags waits for the entry that made a token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(5);

/// Which state decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Freshness {
    /// One that holds everything acknowledged before the request.
    Latest,
    /// This member's own, for what is served without a quorum.
    Local,
}

/// Who somebody is; the revision is that of the proof, if it tells one.
struct Identity {
    user: Arc<str>,
    revision: Option<u64>,
}

/// Decides on behalf of one member. Clones are handles to the same.
#[derive(Clone)]
pub(in crate::server) struct Guard {
    store: Arc<Embedded>,
}

impl Guard {
    pub(in crate::server) fn new(store: Arc<Embedded>) -> Self {
        Self { store }
    }

    fn state(&self) -> Arc<State> {
        self.store.published.state.load_full()
    }

    fn enabled(&self) -> bool {
        self.store.published.state.load().side.auth.enabled
    }

    /// Runs a read that `check` permits. What it answers is told only if the users and roles that
    /// permitted it are those it was read under.
    pub(in crate::server) async fn read<T, R>(
        &self,
        caller: &Caller,
        freshness: Freshness,
        check: impl Fn(&Rights<'_>) -> Result<(), Refusal>,
        run: impl Fn() -> R,
    ) -> Result<T, Error>
    where
        R: Future<Output = Result<T, Error>>,
    {
        if !self.enabled() {
            let answer = run().await;
            if !self.enabled() {
                return answer;
            }
        }
        for _ in 0..ATTEMPTS {
            let permit = self.permit(caller, freshness, &check).await?;
            let answer = run().await?;
            let present = self.store.published.state.load().side.auth.revision;
            if permit.auth_revision == present {
                return Ok(answer);
            }
        }
        Err(Refusal::OldRevision.into())
    }

    /// Runs a write that `check` permits: whatever it proposes is refused at apply, and permitted
    /// anew, if the users and roles that permitted it have changed.
    pub(in crate::server) async fn write<T, R>(
        &self,
        caller: &Caller,
        check: impl Fn(&Rights<'_>) -> Result<(), Refusal>,
        run: impl Fn() -> R,
    ) -> Result<T, Error>
    where
        R: Future<Output = Result<T, Error>>,
    {
        for _ in 0..ATTEMPTS {
            let permit = match self.enabled() {
                true => self.permit(caller, Freshness::Latest, &check).await?,
                false => Permit::anonymous(),
            };
            match permit.scope(run()).await {
                Err(Error::Auth(Refusal::OldRevision)) => {}
                outcome => return outcome,
            }
        }
        Err(Refusal::OldRevision.into())
    }

    /// Whether the caller may do what takes the root role.
    pub(in crate::server) async fn root(&self, caller: &Caller) -> Result<(), Error> {
        self.check(caller, Freshness::Latest, |rights| rights.root()).await
    }

    /// Whether the caller has proved to be some user. Decided on this member's own state, so that
    /// a member without a quorum still tells how it is.
    pub(in crate::server) async fn known(&self, caller: &Caller) -> Result<(), Error> {
        self.check(caller, Freshness::Local, |rights| rights.known()).await
    }

    async fn check(
        &self,
        caller: &Caller,
        freshness: Freshness,
        check: impl Fn(&Rights<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Error> {
        if !self.enabled() {
            return Ok(());
        }
        self.permit(caller, freshness, &check).await.map(drop)
    }

    /// The permit that `check` gives the caller.
    async fn permit(
        &self,
        caller: &Caller,
        freshness: Freshness,
        check: &impl Fn(&Rights<'_>) -> Result<(), Refusal>,
    ) -> Result<Permit, Error> {
        let identity = self.identify(caller).await?;
        match (decide(&self.state(), identity.as_ref(), check), freshness) {
            (Err(_), Freshness::Latest) => {
                self.store.linearize().await?;
                Ok(decide(&self.state(), identity.as_ref(), check)?)
            }
            (verdict, _) => Ok(verdict?),
        }
    }

    /// Who the caller proves to be: by a token, which must be good if there is one, else by a
    /// certificate.
    async fn identify(&self, caller: &Caller) -> Result<Option<Identity>, Refusal> {
        if !self.enabled() {
            return Ok(None);
        }
        if let Some(token) = identity::token(&caller.metadata) {
            return self.bearer(token).await.map(Some).ok_or(Refusal::InvalidToken);
        }
        if !self.store.config.client_cert_auth {
            return Ok(None);
        }
        let name = identity::common_name(caller);
        Ok(name.map(|user| Identity { user: user.into(), revision: None }))
    }

    async fn bearer(&self, token: &str) -> Option<Identity> {
        match &self.store.config.auth_token {
            TokenSpec::Simple => {
                let published = &self.store.published;
                let user = match published.tokens.user(token) {
                    Some(user) => user,
                    None => {
                        let made_at = token_index(token)?;
                        let settled = || published.applied_index() >= made_at;
                        published.tokens.wait_for(token, settled, TOKEN_PATIENCE).await?
                    }
                };
                Some(Identity { user, revision: None })
            }
            TokenSpec::Jwt(jwt) => {
                let Subject { user, revision } = jwt.verify(token, SystemTime::now())?;
                Some(Identity { user, revision: Some(revision) })
            }
            TokenSpec::None => None,
        }
    }
}

/// Why a watch was not opened, as etcd words it: what is refused for the sake of users and roles is
/// told with its code, as Go prints a status.
pub(in crate::server) fn cancel_reason(status: &Status) -> String {
    let text = status.message();
    match status.code() {
        code @ (Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument) => {
            format!("rpc error: code = {code:?} desc = {text}")
        }
        _ => text.to_owned(),
    }
}

fn decide(
    state: &State,
    identity: Option<&Identity>,
    check: impl Fn(&Rights<'_>) -> Result<(), Refusal>,
) -> Result<Permit, Refusal> {
    let auth = &state.side.auth;
    let subject = identity.map(|identity| Subject {
        user: Arc::clone(&identity.user),
        revision: identity.revision.unwrap_or(auth.revision),
    });
    let rights = Rights::new(state, subject.as_ref());
    check(&rights)?;
    Ok(Permit { auth_revision: auth.revision, user: rights.user_at_apply() })
}
