//! The permission that a proposal carries into the log.
//!
//! It travels beside the call, in the task, because the [`Store`](crate::Store) face is that of
//! remote stores as well, where there is nothing to say: what is proposed outside any scope is the
//! store's own (an expired lease, say) or comes from this process, and may do everything.

use std::future::Future;
use std::sync::Arc;

use super::facts::Auth;
use super::refusal::Refusal;
use super::rights::{Rights, Subject};
use crate::command::{Command, Envelope};
use crate::mvcc::State;

/// The revision that stands for a client who proved nothing while that did not matter.
pub const ANONYMOUS: u64 = u64::MAX;

tokio::task_local! {
    static PERMIT: Permit;
}

/// On what grounds a command is proposed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    /// The revision of users and roles at which it was permitted, 0 if it needs no permission,
    /// [`ANONYMOUS`] if users did not matter then.
    pub auth_revision: u64,
    /// Whose keys are looked at again at apply; empty if that makes no difference.
    pub user: Arc<str>,
}

impl Permit {
    pub fn anonymous() -> Self {
        Self { auth_revision: ANONYMOUS, user: Arc::default() }
    }

    /// The permit of the scope that this runs in.
    pub fn current() -> Self {
        PERMIT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs `work` with this permit.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        PERMIT.scope(self, work).await
    }
}

impl Auth {
    /// Whether what was permitted at `auth_revision` is permitted still.
    fn stands(&self, auth_revision: u64) -> bool {
        match auth_revision {
            0 => true,
            ANONYMOUS => !self.enabled,
            revision => revision == self.revision,
        }
    }
}

/// Decides at apply whether a command may go on. Every member decides alike.
pub fn admit(state: &State, envelope: &Envelope) -> Result<(), Refusal> {
    let auth = &state.side.auth;
    if !auth.stands(envelope.auth_revision) {
        return Err(Refusal::OldRevision);
    }
    if envelope.user.is_empty() {
        return Ok(());
    }
    let subject = Subject { user: Arc::clone(&envelope.user), revision: auth.revision };
    let rights = Rights::new(state, Some(&subject));
    match &envelope.command {
        Command::Put(request) => rights.write_leased(request.lease),
        Command::Txn(txn) => rights.txn(txn),
        Command::LeaseRevoke { id } => rights.write_leased(*id),
        _ => Ok(()), // No lease, and permitted at this revision.
    }
}
