//! Users, roles and permissions.
//!
//! Three kinds of things live here, kept apart:
//!
//! - **Facts**: [`Auth`] is part of the replicated state, and [`Change`]s of it are replicated like
//!   any other command. They apply alike on every member: whoever proposes a change has hashed the
//!   password before, so that applying needs neither randomness nor a slow hash.
//! - **Decisions**: [`Rights`] answers whether a [`Subject`] may do something in a given state. Pure
//!   and synchronous; the server asks it before it proposes or reads.
//! - **Proof**: who somebody is. A [`TokenSpec`] says how tokens are made; simple ones are known to
//!   the [`Tokens`] of each member, JWTs ([`Jwt`]) carry their own proof.
//!
//! A command that was permitted is proposed with the revision of users and roles it was permitted
//! at ([`Permit`]), and refused at apply when that is not the present one: nobody acts on a right
//! that was taken away while the proposal was under way. The rejected alternative, etcd's own, is to
//! decide at apply with the user's name in every entry; then every member decides anew what one has
//! decided, and every entry grows.

mod base64;
mod change;
mod duration;
mod facts;
mod jwt;
#[cfg(test)]
mod jwt_test;
mod keys;
mod password;
mod permit;
mod ranges;
mod refusal;
mod rights;
#[cfg(test)]
mod rights_test;
mod spec;
mod tokens;

pub use change::Change;
pub use facts::{Auth, Permission, PermissionKind, ROOT, Role, User};
pub use jwt::Jwt;
pub use refusal::Refusal;
pub use spec::{DEFAULT_TOKEN_TTL, SpecError, TokenSpec};

pub use password::DEFAULT_COST as DEFAULT_BCRYPT_COST;

pub(crate) use password::{hash_password, password_matches};
pub(crate) use permit::{ANONYMOUS, Permit, admit};
pub(crate) use rights::{Rights, Subject};
pub(crate) use tokens::{Effect, Tokens, new_token_prefix, token_index};
