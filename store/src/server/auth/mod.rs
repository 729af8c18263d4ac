//! Users and roles on the wire: `etcdserverpb.Auth`, and the [`Guard`] that every other service has
//! its requests pass.

#[cfg(test)]
mod cluster_test;
#[cfg(test)]
mod etcd_test;
#[cfg(test)]
mod etcdctl_test;
mod guard;
mod identity;
mod service;
#[cfg(test)]
mod service_test;

pub(super) use guard::{Freshness, Guard, cancel_reason};
pub(super) use identity::common_name;
pub(super) use service::AuthService;
