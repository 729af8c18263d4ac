//! What is known of users and roles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ranges::Reach;
use crate::types::KeyRange;

/// The user that must exist before users matter, and the role that may do everything.
pub const ROOT: &str = "root";

/// The revision of a store without users, as in etcd.
const FIRST_REVISION: u64 = 1;

/// Users, roles, and whether they matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    pub enabled: bool,
    /// Grows with every change of a user or role, and when they cease to matter. A proposal that
    /// was permitted at another revision is refused, so that nobody acts on a right that was taken
    /// away meanwhile.
    pub revision: u64,
    pub users: BTreeMap<String, User>,
    pub roles: BTreeMap<String, Role>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: false,
            revision: FIRST_REVISION,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// A bcrypt hash in its text form; empty for a user who has no password.
    #[serde(with = "super::base64")]
    pub password: Bytes,
    /// Such a user proves who it is by a certificate alone.
    #[serde(default)]
    pub no_password: bool,
    #[serde(default)]
    pub roles: BTreeSet<String>,
    #[serde(skip)]
    reach: Derived<Reach>,
}

impl User {
    pub fn new(password: Bytes, no_password: bool, roles: BTreeSet<String>) -> Self {
        Self { password, no_password, roles, reach: Derived::default() }
    }

    pub fn is_root(&self) -> bool {
        self.roles.contains(ROOT)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Sorted by key.
    #[serde(default)]
    pub permissions: Vec<Permission>,
}

/// What a role may do with a range of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub kind: PermissionKind,
    #[serde(with = "super::base64")]
    pub key: Bytes,
    /// As in requests: empty for the one key, a zero byte for every key from `key` on.
    #[serde(with = "super::base64")]
    pub end: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PermissionKind {
    Read,
    Write,
    ReadWrite,
}

impl PermissionKind {
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

impl Permission {
    pub fn range(&self) -> KeyRange {
        KeyRange { key: self.key.clone(), end: self.end.clone() }
    }

    /// Whether the range names any key.
    pub fn is_valid(&self) -> bool {
        let open = self.end.as_ref() == b"\0";
        !self.key.is_empty() && (self.end.is_empty() || open || self.key < self.end)
    }
}

impl Auth {
    /// What the roles of `user` permit together, merged on first use and kept until the next
    /// change. The user must be one of these users.
    pub(super) fn reach<'a>(&'a self, user: &'a User) -> &'a Reach {
        user.reach.get_or(|| {
            let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
            Reach::of(roles.flat_map(|role| &role.permissions))
        })
    }
}

/// What follows from facts, worked out on first use. It is no fact itself: two are always equal,
/// and a copy, which is made in order to be changed, starts anew.
struct Derived<T>(OnceLock<T>);

impl<T> Derived<T> {
    fn get_or(&self, derive: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(derive)
    }
}

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Derived<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Derived<T> {}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_json_whatever_the_bytes() {
        let permission = Permission {
            kind: PermissionKind::Write,
            key: Bytes::from_static(b"\xff\x00"),
            end: Bytes::from_static(b"\0"),
        };
        let roles = BTreeSet::from(["r".to_owned()]);
        let auth = Auth {
            enabled: true,
            revision: 9,
            users: BTreeMap::from([("u".into(), User::new("$2a$".into(), false, roles))]),
            roles: BTreeMap::from([("r".into(), Role { permissions: vec![permission] })]),
        };
        let json = serde_json::to_vec(&auth).expect("facts are plain data");
        let read: Auth = serde_json::from_slice(&json).expect("what was written is read");
        assert_eq!(read, auth);
    }

    #[test]
    fn facts_without_users_are_at_etcds_first_revision() {
        let read: Auth = serde_json::from_str("{}").expect("every field has a default");
        assert_eq!(read, Auth::default());
        assert_eq!(read.revision, 1);
    }

    #[test]
    fn a_permission_names_at_least_one_key() {
        let cases: [(&[u8], &[u8], bool); 7] = [
            (b"a", b"", true),
            (b"a", b"b", true),
            (b"a", b"\0", true),
            (b"\0", b"\0", true),
            (b"a", b"a", false),
            (b"b", b"a", false),
            (b"", b"b", false),
        ];
        for (key, end, valid) in cases {
            let (key, end) = (Bytes::from_static(key), Bytes::from_static(end));
            let permission = Permission { kind: PermissionKind::Read, key, end };
            assert_eq!(permission.is_valid(), valid, "{permission:?}");
        }
    }
}
