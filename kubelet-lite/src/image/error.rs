//! What can be wrong with an image or its store.

use std::io;
use std::path::PathBuf;

use super::reference::ReferenceError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{operation} {path:?}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("image index {path:?} is damaged: {reason}")]
    CorruptIndex { path: PathBuf, reason: String },
    #[error("no image is called {reference:?}")]
    NotFound { reference: String },
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error("{path:?} is no image archive: {reason}")]
    NotAnArchive { path: PathBuf, reason: String },
    #[error("{path:?} has no image for linux/{architecture}, only for {available}")]
    NoSuchPlatform { path: PathBuf, architecture: &'static str, available: String },
    #[error("{what} lacks {digest}")]
    MissingBlob { what: String, digest: String },
    #[error("digest {digest:?} is not of the form sha256:<64 hex digits>")]
    InvalidDigest { digest: String },
    #[error("content of {expected} has digest {actual}")]
    DigestMismatch { expected: String, actual: String },
    #[error("{what} is not valid: {reason}")]
    InvalidDocument { what: String, reason: String },
    #[error("layer {layer}: {reason}")]
    InvalidLayer { layer: String, reason: String },
    #[error("{registry} has no {reference}, or it is not for you to see")]
    Denied { registry: String, reference: String },
    #[error("{registry} does not know {reference}")]
    Unknown { registry: String, reference: String },
    #[error("registry {registry} cannot be reached: {reason}")]
    Unreachable { registry: String, reason: String },
    #[error("registry {registry}: {reason}")]
    Registry { registry: String, reason: String },
    #[error("the background thread ended early")]
    WorkerLost,
}

impl Error {
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
