//! What to judge.

/// Operations that a history may have to be searched, too.
const SEARCHED_OPERATIONS: usize = 200;

/// How a history is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a lease may run out only when its time has passed. Not for histories whose members'
    /// clocks were tampered with.
    pub lease_times: bool,
    /// Histories with more operations than this are not searched; 0 searches none.
    pub searched_operations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { lease_times: true, searched_operations: SEARCHED_OPERATIONS }
    }
}
