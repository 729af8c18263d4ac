//! What a simulation needs of the store, and the product does not: a member over any network, its
//! Raft state laid open, news of every entry it applies, and deliberate bugs to find.
//!
//! Compiled with the feature `simulation` alone.

pub(crate) mod bugs;
mod facts;
pub(crate) mod observe;

use std::sync::Arc;

pub use self::bugs::{Bug, plant};
pub(crate) use self::facts::checksum;
pub use self::facts::{Facts, LoggedEntry};
pub use self::observe::{Applied, observe};
pub use crate::peer::{Card, Network, Peer, Reception, Responses};
pub use crate::work::in_line::{Pace, begin as work_in_line};
use crate::{Config, Embedded, OpenError};

/// As [`Embedded::open`], over another network.
pub async fn open(config: Config, network: Arc<dyn Network>) -> Result<Arc<Embedded>, OpenError> {
    Embedded::open_over(config, network).await
}
