//! Users, roles and permissions, as replicated facts.
//!
//! [`Auth`] is part of the state; [`Change`]s of it are replicated like any other command, and
//! apply alike on every member: whoever proposes a change has hashed passwords before.

mod change;
mod facts;

pub use change::Change;
pub use facts::Auth;
