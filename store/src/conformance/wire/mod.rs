//! Cases on the wire: what stock clients see of the services, down to codes, texts and headers.
//!
//! As with the cases of the [`Store`](crate::Store) face, each runs on a store of its own, and the
//! same list is run against our server, a cluster of ours, and a real etcd. A case uses nothing but
//! a connected channel.

mod alarms;
mod auth;
mod case;
mod cluster;
mod election;
mod kv;
mod leases;
mod list;
mod lock;
mod maintenance;
mod permissions;
mod users;
mod watch_answers;
mod watch_ids;
mod watching;
mod words;

pub(crate) use case::Wire;
pub(crate) use list::cases;

use self::words::*;
