//! Changes of users and roles.

use serde::{Deserialize, Serialize};

use super::facts::Auth;
use crate::error::Error;

/// One replicated change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Disable,
}

impl Auth {
    /// Applies one change. A refusal leaves everything as it was.
    pub fn apply(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::Disable => {
                self.enabled = false;
                self.revision += 1;
                Ok(())
            }
        }
    }
}
