//! What is known of users and roles.

use serde::{Deserialize, Serialize};

/// Users, roles, and whether they matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    pub enabled: bool,
    /// Grows with every change. A proposal that was permitted at another revision is refused, so
    /// that nobody acts on a right that was taken away meanwhile.
    pub revision: u64,
}
