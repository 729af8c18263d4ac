//! Finds the binary under test.

use std::path::{Path, PathBuf};

use super::ClusterError;

/// The `coracle` binary.
#[derive(Clone, Debug)]
pub struct Binary(PathBuf);

impl Binary {
    /// The one named, or the one that was built beside this program.
    pub fn find(named: Option<&Path>) -> Result<Self, ClusterError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => {
                let own = std::env::current_exe().map_err(|source| ClusterError::Io {
                    action: "find",
                    path: "/proc/self/exe".into(),
                    source,
                })?;
                own.with_file_name("coracle")
            }
        };
        if path.is_file() { Ok(Self(path)) } else { Err(ClusterError::NoBinary { path }) }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}
