//! How far long work on a file has come.

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The file's hash.
    Checking,
    Reading,
    Writing,
}

/// Bytes of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub phase: Phase,
    pub done: u64,
    pub total: u64,
}

/// Who is told, often.
pub type OnProgress<'a> = &'a dyn Fn(Progress);
