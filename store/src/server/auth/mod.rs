//! Users and roles on the wire: `etcdserverpb.Auth`, and the [`Guard`] that every other service has
//! its requests pass.

mod guard;
mod identity;
mod service;

pub(super) use guard::{Freshness, Guard, cancel_reason};
pub(super) use service::AuthService;
