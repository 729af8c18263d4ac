//! Why the database did not do what it was asked.

use std::path::PathBuf;

use super::Key;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot read {path} (-db-config): {source}")]
    ReadConfig { path: PathBuf, source: std::io::Error },
    #[error("{path} (-db-config) is no database configuration: {reason}")]
    Config { path: PathBuf, reason: String },
    #[error("cannot {act} {path}: {source}")]
    File { act: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{path} is damaged in line {line}: {reason}")]
    Damaged { path: PathBuf, line: usize, reason: String },
    #[error("the database at {path} was replaced again and again while it was being locked")]
    Unsettled { path: PathBuf },
    #[error("the store at {endpoints}: {reason}")]
    Store { endpoints: String, reason: String },
    #[error("{what} {name} in the store is no record: {reason}")]
    Record { what: &'static str, name: String, reason: String },
    #[error(
        "a certificate with serial number {} and authority key identifier {} is there already",
        .0.serial, .0.aki
    )]
    Exists(Key),
    #[error(
        "failed to revoke the certificate: certificate not found: serial number {}, authority \
         key identifier {}", .0.serial, .0.aki
    )]
    NotFound(Key),
    #[error("others changed the record {tries} times meanwhile: try again")]
    Contended { tries: usize },
    #[error("the work on the database was broken off")]
    BrokenOff,
}
