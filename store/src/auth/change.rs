//! Changes of users and roles.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::facts::{Auth, Permission, ROOT, Role, User};
use super::refusal::Refusal;

/// One replicated change. Passwords are hashed already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Enable,
    Disable,
    UserAdd {
        name: String,
        #[serde(with = "super::base64")]
        password: Bytes,
        no_password: bool,
    },
    UserDelete {
        name: String,
    },
    UserChangePassword {
        name: String,
        #[serde(with = "super::base64")]
        password: Bytes,
    },
    UserGrantRole {
        name: String,
        role: String,
    },
    UserRevokeRole {
        name: String,
        role: String,
    },
    RoleAdd {
        name: String,
    },
    RoleDelete {
        name: String,
    },
    RoleGrantPermission {
        name: String,
        permission: Permission,
    },
    RoleRevokePermission {
        name: String,
        #[serde(with = "super::base64")]
        key: Bytes,
        #[serde(with = "super::base64")]
        end: Bytes,
    },
    /// Changes nothing that is replicated: with it every member learns of the token that it makes
    /// of `token_prefix` and the entry's index.
    Authenticate {
        name: String,
        token_prefix: String,
    },
}

impl Auth {
    /// What `change` makes of this; `None` if nothing. Every member decides alike.
    pub fn changed_by(&self, change: Change) -> Result<Option<Auth>, Refusal> {
        match change {
            Change::Enable => self.enable(),
            Change::Disable => Ok(self.disable()),
            Change::UserAdd { name, password, no_password } => {
                self.user_add(name, User::new(password, no_password, BTreeSet::new()))
            }
            Change::UserDelete { name } => self.user_delete(&name),
            Change::UserChangePassword { name, password } => self.user_password(&name, password),
            Change::UserGrantRole { name, role } => self.user_grant(&name, role),
            Change::UserRevokeRole { name, role } => self.user_revoke(&name, &role),
            Change::RoleAdd { name } => self.role_add(name),
            Change::RoleDelete { name } => self.role_delete(&name),
            Change::RoleGrantPermission { name, permission } => self.role_grant(&name, permission),
            Change::RoleRevokePermission { name, key, end } => self.role_revoke(&name, &key, &end),
            Change::Authenticate { name, token_prefix: _ } => {
                self.authenticate(&name).map(|_user| None)
            }
        }
    }

    /// A copy at the next revision, for `change` to work on.
    fn next(&self, change: impl FnOnce(&mut Self)) -> Changed {
        let mut next = Self { revision: self.revision + 1, ..self.clone() };
        change(&mut next);
        Ok(Some(next))
    }

    fn with_user(&self, name: &str, user: User) -> Changed {
        self.next(|next| {
            next.users.insert(name.to_owned(), user);
        })
    }

    fn with_role(&self, name: &str, role: Role) -> Changed {
        self.next(|next| {
            next.roles.insert(name.to_owned(), role);
        })
    }

    fn user(&self, name: &str) -> Result<&User, Refusal> {
        self.users.get(name).ok_or(Refusal::UserNotFound)
    }

    fn role(&self, name: &str) -> Result<&Role, Refusal> {
        self.roles.get(name).ok_or(Refusal::RoleNotFound)
    }

    /// As in etcd, this leaves the revision as it is.
    fn enable(&self) -> Changed {
        if self.enabled {
            return Ok(None);
        }
        let root = self.users.get(ROOT).ok_or(Refusal::RootUserNotExist)?;
        if !root.is_root() {
            return Err(Refusal::RootRoleNotExist);
        }
        Ok(Some(Self { enabled: true, ..self.clone() }))
    }

    fn disable(&self) -> Option<Self> {
        self.enabled.then(|| Self { enabled: false, revision: self.revision + 1, ..self.clone() })
    }

    fn user_add(&self, name: String, user: User) -> Changed {
        if name.is_empty() {
            return Err(Refusal::UserEmpty);
        }
        if self.users.contains_key(&name) {
            return Err(Refusal::UserExists);
        }
        self.with_user(&name, user)
    }

    fn user_delete(&self, name: &str) -> Changed {
        if self.enabled && name == ROOT {
            return Err(Refusal::InvalidManagement);
        }
        self.user(name)?;
        self.next(|next| {
            next.users.remove(name);
        })
    }

    /// A user without a password stays without.
    fn user_password(&self, name: &str, password: Bytes) -> Changed {
        let mut user = self.user(name)?.clone();
        user.password = if user.no_password { Bytes::new() } else { password };
        self.with_user(name, user)
    }

    /// The root role may be granted before it exists, as in etcd.
    fn user_grant(&self, name: &str, role: String) -> Changed {
        let mut user = self.user(name)?.clone();
        if role != ROOT {
            self.role(&role)?;
        }
        if !user.roles.insert(role) {
            return Ok(None);
        }
        self.with_user(name, user)
    }

    fn user_revoke(&self, name: &str, role: &str) -> Changed {
        if self.enabled && name == ROOT && role == ROOT {
            return Err(Refusal::InvalidManagement);
        }
        let mut user = self.user(name)?.clone();
        if !user.roles.remove(role) {
            return Err(Refusal::RoleNotGranted);
        }
        self.with_user(name, user)
    }

    fn role_add(&self, name: String) -> Changed {
        if name.is_empty() {
            return Err(Refusal::RoleEmpty);
        }
        if self.roles.contains_key(&name) {
            return Err(Refusal::RoleExists);
        }
        self.with_role(&name, Role::default())
    }

    /// Takes the role from everyone who has it.
    fn role_delete(&self, name: &str) -> Changed {
        if self.enabled && name == ROOT {
            return Err(Refusal::InvalidManagement);
        }
        self.role(name)?;
        self.next(|next| {
            next.roles.remove(name);
            for user in next.users.values_mut() {
                user.roles.remove(name);
            }
        })
    }

    /// A range that the role has already gets the new kind. (etcd looks at the first permission of
    /// the same key alone, and may list a range twice with either kind.)
    fn role_grant(&self, name: &str, permission: Permission) -> Changed {
        if !permission.is_valid() {
            return Err(Refusal::InvalidManagement);
        }
        let mut role = self.role(name)?.clone();
        let same = |one: &&mut Permission| one.key == permission.key && one.end == permission.end;
        match role.permissions.iter_mut().find(same) {
            Some(found) => found.kind = permission.kind,
            None => {
                let at = role.permissions.partition_point(|one| one.key <= permission.key);
                role.permissions.insert(at, permission);
            }
        }
        self.with_role(name, role)
    }

    fn role_revoke(&self, name: &str, key: &[u8], end: &[u8]) -> Changed {
        let mut role = self.role(name)?.clone();
        let before = role.permissions.len();
        role.permissions.retain(|one| one.key != key || one.end != end);
        if role.permissions.len() == before {
            return Err(Refusal::PermissionNotGranted);
        }
        self.with_role(name, role)
    }

    /// The user of this name, if it may prove itself by a password at all.
    pub fn authenticate(&self, name: &str) -> Result<&User, Refusal> {
        if !self.enabled {
            return Err(Refusal::NotEnabled);
        }
        let user = self.users.get(name).ok_or(Refusal::AuthFailed)?;
        if user.no_password { Err(Refusal::AuthFailed) } else { Ok(user) }
    }
}

/// What a change comes to: the new facts, or `None` where they are as before.
type Changed = Result<Option<Auth>, Refusal>;

#[cfg(test)]
mod tests {
    use super::super::facts::PermissionKind;
    use super::*;

    fn user_add(name: &str) -> Change {
        Change::UserAdd { name: name.into(), password: "hash".into(), no_password: false }
    }

    fn role_add(name: &str) -> Change {
        Change::RoleAdd { name: name.into() }
    }

    fn grant(name: &str, role: &str) -> Change {
        Change::UserGrantRole { name: name.into(), role: role.into() }
    }

    fn revoke(name: &str, role: &str) -> Change {
        Change::UserRevokeRole { name: name.into(), role: role.into() }
    }

    fn permit(role: &str, kind: PermissionKind, key: &'static str, end: &'static str) -> Change {
        let permission = Permission { kind, key: key.into(), end: end.into() };
        Change::RoleGrantPermission { name: role.into(), permission }
    }

    fn forbid(role: &str, key: &'static str, end: &'static str) -> Change {
        Change::RoleRevokePermission { name: role.into(), key: key.into(), end: end.into() }
    }

    fn user_delete(name: &str) -> Change {
        Change::UserDelete { name: name.into() }
    }

    fn role_delete(name: &str) -> Change {
        Change::RoleDelete { name: name.into() }
    }

    fn authenticate(name: &str) -> Change {
        Change::Authenticate { name: name.into(), token_prefix: "abc".into() }
    }

    /// A change, and the revision after it or its refusal.
    type Step = (Change, Result<u64, Refusal>);

    fn run(steps: impl IntoIterator<Item = Step>) -> Auth {
        let mut auth = Auth::default();
        for (change, expected) in steps {
            let told = auth.changed_by(change.clone()).map(|changed| {
                if let Some(changed) = changed {
                    assert_ne!(changed, auth, "{change:?}");
                    auth = changed;
                }
                auth.revision
            });
            assert_eq!(told, expected, "{change:?}");
        }
        auth
    }

    #[test]
    fn users_come_and_go() {
        let auth = run([
            (user_add(""), Err(Refusal::UserEmpty)),
            (user_add("ann"), Ok(2)),
            (user_add("ann"), Err(Refusal::UserExists)),
            (grant("ann", "reader"), Err(Refusal::RoleNotFound)),
            (grant("bob", "reader"), Err(Refusal::UserNotFound)),
            (role_add("reader"), Ok(3)),
            (grant("ann", "reader"), Ok(4)),
            (grant("ann", "reader"), Ok(4)),
            (revoke("ann", "writer"), Err(Refusal::RoleNotGranted)),
            (revoke("bob", "reader"), Err(Refusal::UserNotFound)),
            (revoke("ann", "reader"), Ok(5)),
            (user_delete("bob"), Err(Refusal::UserNotFound)),
            (user_delete("ann"), Ok(6)),
        ]);
        assert!(auth.users.is_empty());
        assert!(auth.roles.contains_key("reader"));
    }

    #[test]
    fn a_deleted_role_is_taken_from_everyone() {
        let auth = run([
            (role_delete("reader"), Err(Refusal::RoleNotFound)),
            (role_add(""), Err(Refusal::RoleEmpty)),
            (role_add("reader"), Ok(2)),
            (role_add("reader"), Err(Refusal::RoleExists)),
            (user_add("ann"), Ok(3)),
            (grant("ann", "reader"), Ok(4)),
            (role_delete("reader"), Ok(5)),
        ]);
        assert!(auth.users["ann"].roles.is_empty());
    }

    #[test]
    fn permissions_are_kept_by_key_and_each_range_once() {
        use PermissionKind::*;
        let auth = run([
            (permit("r", Read, "k", ""), Err(Refusal::RoleNotFound)),
            (role_add("r"), Ok(2)),
            (permit("r", Read, "", ""), Err(Refusal::InvalidManagement)),
            (permit("r", Read, "b", "a"), Err(Refusal::InvalidManagement)),
            (permit("r", Read, "k", ""), Ok(3)),
            (permit("r", Write, "a", "c"), Ok(4)),
            (permit("r", Write, "k", "m"), Ok(5)),
            (permit("r", ReadWrite, "k", "m"), Ok(6)),
            (forbid("r", "k", "l"), Err(Refusal::PermissionNotGranted)),
            (forbid("s", "k", ""), Err(Refusal::RoleNotFound)),
            (forbid("r", "k", ""), Ok(7)),
        ]);
        let kept: Vec<_> = auth.roles["r"]
            .permissions
            .iter()
            .map(|one| (one.kind, one.key.as_ref(), one.end.as_ref()))
            .collect();
        let expected: [(PermissionKind, &[u8], &[u8]); 2] =
            [(Write, b"a", b"c"), (ReadWrite, b"k", b"m")];
        assert_eq!(kept, expected);
    }

    #[test]
    fn users_matter_once_root_is_there_and_root_stays_then() {
        let auth = run([
            (Change::Enable, Err(Refusal::RootUserNotExist)),
            (user_add("root"), Ok(2)),
            (Change::Enable, Err(Refusal::RootRoleNotExist)),
            (grant("root", "root"), Ok(3)),
            (authenticate("root"), Err(Refusal::NotEnabled)),
            (Change::Enable, Ok(3)),
            (Change::Enable, Ok(3)),
            (authenticate("root"), Ok(3)),
            (authenticate("ann"), Err(Refusal::AuthFailed)),
            (user_delete("root"), Err(Refusal::InvalidManagement)),
            (revoke("root", "root"), Err(Refusal::InvalidManagement)),
            (role_delete("root"), Err(Refusal::InvalidManagement)),
            (Change::Disable, Ok(4)),
            (Change::Disable, Ok(4)),
            (revoke("root", "root"), Ok(5)),
            (user_delete("root"), Ok(6)),
        ]);
        assert!(!auth.enabled);
    }

    #[test]
    fn a_user_without_a_password_gets_none() {
        let password =
            |name: &str| Change::UserChangePassword { name: name.into(), password: "other".into() };
        let bare =
            Change::UserAdd { name: "cert".into(), password: Bytes::new(), no_password: true };
        let auth = run([
            (password("cert"), Err(Refusal::UserNotFound)),
            (bare, Ok(2)),
            (user_add("root"), Ok(3)),
            (grant("root", "root"), Ok(4)),
            (Change::Enable, Ok(4)),
            (authenticate("cert"), Err(Refusal::AuthFailed)),
            (user_add("ann"), Ok(5)),
            (password("ann"), Ok(6)),
        ]);
        assert_eq!(auth.users["ann"].password, "other");
        let changed = auth.changed_by(password("cert")).expect("the user is there");
        let changed = changed.expect("as in etcd, the revision grows");
        assert_eq!((changed.revision, changed.users["cert"].password.len()), (7, 0));
    }

    #[test]
    fn changes_survive_json() {
        let changes = [
            user_add("ann"),
            permit("r", PermissionKind::Read, "k", "\0"),
            forbid("r", "k", ""),
            authenticate("ann"),
        ];
        for change in changes {
            let json = serde_json::to_vec(&change).expect("a change is plain data");
            let read: Change = serde_json::from_slice(&json).expect("what was written is read");
            assert_eq!(read, change);
        }
    }
}
