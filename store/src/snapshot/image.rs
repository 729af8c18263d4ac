//! A state on its way into the state machine.

use std::path::PathBuf;

use crate::mvcc::State;

/// A snapshot's content: in memory (cheap to clone, it shares everything with the live state) or in
/// a file.
#[derive(Clone, Debug)]
pub enum Image {
    Memory(Box<State>),
    File(PathBuf),
}
