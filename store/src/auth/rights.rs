//! Who may do what. Pure: every case is a row of a table test.

use std::cell::Cell;
use std::sync::Arc;

use super::facts::{Auth, User};
use super::refusal::Refusal;
use crate::mvcc::State;
use crate::types::{DeleteRangeRequest, KeyRange, PutRequest, RequestOp, Txn};

/// Somebody who has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub user: Arc<str>,
    /// The revision of users and roles that the proof speaks of: a JWT's own, else the present one.
    pub revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// What `subject` may do in `state`. While users do not matter, everything.
#[derive(Debug)]
pub struct Rights<'a> {
    state: &'a State,
    /// `None` for a request that proves nothing.
    subject: Option<&'a Subject>,
    /// Whether a verdict hung on which keys are attached to a lease. They may change before the
    /// command is applied, without a change of users and roles.
    leased: Cell<bool>,
}

type Verdict = Result<(), Refusal>;

impl<'a> Rights<'a> {
    pub fn new(state: &'a State, subject: Option<&'a Subject>) -> Self {
        Self { state, subject, leased: Cell::new(false) }
    }

    /// The user to look at again at apply; empty if no verdict hung on a lease's keys.
    pub fn user_at_apply(&self) -> Arc<str> {
        match self.subject {
            Some(subject) if self.leased.get() => Arc::clone(&subject.user),
            _ => Arc::default(),
        }
    }

    fn auth(&self) -> &'a Auth {
        &self.state.side.auth
    }

    fn user(&self) -> Option<&'a User> {
        self.auth().users.get(&*self.subject?.user)
    }

    /// What any user may do who has proved to be one.
    pub fn known(&self) -> Verdict {
        if self.auth().enabled && self.subject.is_none() {
            return Err(Refusal::UserEmpty);
        }
        Ok(())
    }

    /// What takes the root role. As in etcd, an old revision does not matter here.
    pub fn root(&self) -> Verdict {
        if !self.auth().enabled {
            return Ok(());
        }
        if self.subject.is_none_or(|subject| subject.user.is_empty()) {
            return Err(Refusal::UserEmpty);
        }
        match self.user() {
            None => Err(Refusal::UserNotFound),
            Some(user) if user.is_root() => Ok(()),
            Some(_) => Err(Refusal::PermissionDenied),
        }
    }

    /// Whether the subject is this user, or root. As in etcd, nobody in particular is the user
    /// without a name, who is not there.
    pub fn see_user(&self, name: &str) -> Verdict {
        let own = self.subject.map_or("", |subject| &subject.user) == name;
        self.root().or_else(|refusal| if own { Ok(()) } else { Err(refusal) })
    }

    /// Whether the subject has this role, or root.
    pub fn see_role(&self, role: &str) -> Verdict {
        let own = self.user().is_some_and(|user| user.roles.contains(role));
        self.root().or_else(|refusal| if own { Ok(()) } else { Err(refusal) })
    }

    fn keys(&self, range: &KeyRange, access: Access) -> Verdict {
        let auth = self.auth();
        if !auth.enabled {
            return Ok(());
        }
        let Some(subject) = self.subject.filter(|subject| subject.revision > 0) else {
            return Err(Refusal::UserEmpty);
        };
        if subject.revision < auth.revision {
            return Err(Refusal::OldRevision);
        }
        let Some(user) = self.user() else { return Err(Refusal::PermissionDenied) };
        if user.is_root() {
            return Ok(());
        }
        let reach = auth.reach(user);
        let covered = match access {
            Access::Read => reach.read.cover(range),
            Access::Write => reach.write.cover(range),
        };
        if covered { Ok(()) } else { Err(Refusal::PermissionDenied) }
    }

    pub fn range(&self, range: &KeyRange) -> Verdict {
        self.keys(range, Access::Read)
    }

    /// A put that tells the value before it reads, too. One that attaches its key to a lease must
    /// be allowed to write every key attached already: whoever may attach a key may revoke.
    pub fn put(&self, request: &PutRequest) -> Verdict {
        let range = KeyRange::single(request.key.clone());
        self.keys(&range, Access::Write)?;
        self.write_leased(request.lease)?;
        if request.prev_kv { self.keys(&range, Access::Read) } else { Ok(()) }
    }

    pub fn delete(&self, request: &DeleteRangeRequest) -> Verdict {
        self.keys(&request.range, Access::Write)?;
        if request.prev_kv { self.keys(&request.range, Access::Read) } else { Ok(()) }
    }

    /// All of it: whichever branch is taken, neither may tell or change what is not permitted.
    pub fn txn(&self, txn: &Txn) -> Verdict {
        for compare in &txn.compare {
            self.keys(&compare.range, Access::Read)?;
        }
        txn.success.iter().chain(&txn.failure).try_for_each(|op| match op {
            RequestOp::Range(request) => self.range(&request.range),
            RequestOp::Put(request) => self.put(request),
            RequestOp::DeleteRange(request) => self.delete(request),
            RequestOp::Txn(nested) => self.txn(nested),
        })
    }

    /// Attaching to a lease: as much as writing each of its keys. An unknown lease has none.
    pub fn write_leased(&self, lease: i64) -> Verdict {
        self.leased(lease, Access::Write)
    }

    /// Revoking a lease or renewing it.
    pub fn revoke(&self, lease: i64) -> Verdict {
        self.known()?;
        self.write_leased(lease)
    }

    /// Telling which keys are attached to a lease.
    pub fn see_lease(&self, lease: i64) -> Verdict {
        self.known()?;
        self.leased(lease, Access::Read)
    }

    fn leased(&self, lease: i64, access: Access) -> Verdict {
        if lease == 0 || self.root().is_ok() {
            return Ok(());
        }
        self.leased.set(true);
        let Some(lease) = self.state.lease(lease) else { return Ok(()) };
        lease.keys.iter().try_for_each(|key| self.keys(&KeyRange::single(key.clone()), access))
    }

    /// Telling which leases there are: as much as reading each key attached to one.
    pub fn list_leases(&self) -> Verdict {
        self.known()?;
        self.state.leases().try_for_each(|(id, _)| self.leased(id, Access::Read))
    }
}
