//! Why a file was not read.

use std::io;

/// Reading failed, or what was read cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BoltError {
    #[error("cannot read at offset {offset}")]
    Io { offset: u64, source: io::Error },
    #[error("damaged at offset {offset}: {damage}")]
    Damaged { offset: u64, damage: Damage },
}

impl BoltError {
    pub(super) fn damaged(offset: u64, damage: Damage) -> Self {
        Self::Damaged { offset, damage }
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("neither of its two meta pages is valid")]
    NoMeta,
    #[error("it ends early")]
    Short,
    #[error("a page is referred to that lies outside")]
    PageOutside,
    #[error("a page is referred to twice, or is free")]
    PageTwice,
    #[error("a page bears another page's number")]
    PageId,
    #[error("a page is of the wrong kind")]
    PageKind,
    #[error("a page goes on for longer than any entry")]
    PageLength,
    #[error("a page is neither used nor free")]
    PageLost,
    #[error("an element lies outside its page")]
    ElementOutside,
    #[error("a key is empty")]
    EmptyKey,
    #[error("keys are out of order")]
    KeyOrder,
    #[error("the tree is too deep")]
    TooDeep,
    #[error("a bucket's description is malformed")]
    BucketMalformed,
    #[error("the list of free pages is malformed")]
    Freelist,
}
