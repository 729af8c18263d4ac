//! A state that is about to be written in one of the two formats.

use std::io;

use super::any::SnapshotFormat;
use super::encode::{self, Sink};
use super::etcd::Export;
use super::format::Meta;
use crate::mvcc::State;

/// Knows how large it will be.
#[derive(Debug)]
pub(super) enum Encoding {
    Coracle { meta: Box<Meta>, state: Box<State> },
    Etcd(Box<Export>),
}

impl Encoding {
    pub(super) fn new(format: SnapshotFormat, meta: Meta, state: State) -> io::Result<Self> {
        match format {
            SnapshotFormat::Coracle => Ok(Self::own(meta, state)),
            SnapshotFormat::Etcd => {
                let export = Export::new(meta, state).map_err(io::Error::other)?;
                Ok(Self::Etcd(Box::new(export)))
            }
        }
    }

    pub(super) fn own(meta: Meta, state: State) -> Self {
        Self::Coracle { meta: Box::new(meta), state: Box::new(state) }
    }

    /// Bytes of the whole, found without keeping anything.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Coracle { meta, state } => encode::size(meta, state),
            Self::Etcd(export) => export.size(),
        }
    }

    pub(super) fn encode(&self, sink: &mut dyn Sink) -> io::Result<()> {
        match self {
            Self::Coracle { meta, state } => encode::encode(meta, state, sink),
            Self::Etcd(export) => export.encode(sink),
        }
    }
}
