//! Where in a document something is wrong.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// The file, or what else the document came from.
    pub source: String,
    pub line: usize,
    pub column: usize,
    /// `signing.profiles.www.expiry`; empty for the whole document.
    pub path: String,
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, line, column, path, reason } = self;
        write!(formatter, "{source}:{line}:{column}: ")?;
        if !path.is_empty() {
            write!(formatter, "{path}: ")?;
        }
        formatter.write_str(reason)
    }
}

impl std::error::Error for Error {}
