//! Why a certificate could not be made, read or used.

use std::path::{Path, PathBuf};

use crate::cluster::UnsignedList;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no PEM {expected}: {reason}")]
    Malformed { path: PathBuf, expected: &'static str, reason: String },
    #[error(
        "{present} is there but {missing} is not: an authority is never replaced, so put the \
         missing file back or remove both to start a new PKI"
    )]
    HalfPair { present: PathBuf, missing: PathBuf },
    #[error("the key in {key} does not belong to the certificate in {certificate}")]
    KeyMismatch { certificate: PathBuf, key: PathBuf },
    #[error("the authority in {path} expired at {not_after}: replace it, and all it has signed")]
    AuthorityExpired { path: PathBuf, not_after: String },
    #[error("{path} is a certificate but not an authority (CA:TRUE is missing)")]
    NotAnAuthority { path: PathBuf },
    #[error(
        "the authority in {certificate} has no key here: the certificate of {subject} has to be \
         signed where its key is"
    )]
    ExternalAuthority { certificate: PathBuf, subject: String },
    #[error("the authority {authority} cannot roll over: {reason}")]
    Rollover { authority: &'static str, reason: String },
    #[error("cannot revoke {subject}: {reason}")]
    Revoke { subject: String, reason: String },
    #[error("{path} is there already: move it away, or overwrite it with --force")]
    Exists { path: PathBuf },
    #[error("{0}")]
    Unsigned(UnsignedList),
    #[error("the authority in {path} may not sign certificates: its key usage lacks keyCertSign")]
    MayNotSign { path: PathBuf },
    #[error("cannot make a key for {subject}: {reason}")]
    Generate { subject: String, reason: String },
    #[error("cannot sign the certificate of {subject}: {reason}")]
    Sign { subject: String, reason: String },
    #[error("unusable TLS material for {purpose}: {reason}")]
    Tls { purpose: &'static str, reason: String },
    #[error("unexpected TLS cipher suite {name:?}")]
    UnknownCipherSuite { name: String },
    #[error("none of the cipher suites is one that this build takes: all are weak")]
    NoCipherSuite,
}

impl Error {
    /// What is there is not overwritten unasked.
    pub(crate) fn refuse_existing<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<(), Self> {
        let mut paths = paths.into_iter();
        match paths.find(|path| path.as_ref().symlink_metadata().is_ok()) {
            Some(path) => Err(Self::Exists { path: path.as_ref().to_owned() }),
            None => Ok(()),
        }
    }

    /// The message with that of its source, for one line of a log.
    pub(crate) fn with_source(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }
}
