//! Connections to endpoints: where they go, how they are secured, who asks, and what happens when
//! one breaks.
//!
//! ```text
//! flags, environment, run.json ──▶ Target ──▶ Session ──▶ generated clients
//!                                             (endpoints, token, failover)
//! ```
//!
//! Failover and renewal of tokens are in one place, beneath the generated clients, so that no
//! command knows of them.

mod address;
mod dial;
mod login;
mod session;
mod target;
mod tls;

pub use login::Login;
pub use session::Session;
pub use target::Target;
pub use tls::Tls;
