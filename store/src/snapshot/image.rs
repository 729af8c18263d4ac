//! A state on its way between members.

use crate::mvcc::State;

/// A state frozen at one revision. Cheap to clone: it shares everything with the live state.
#[derive(Clone, Debug)]
pub struct Image {
    pub state: State,
}
