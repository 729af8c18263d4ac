//! `faultfs.c`, compiled for this machine when a run begins.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{DiskError, io_error};

const SOURCE: &str = include_str!("faultfs.c");

/// The compiled library.
#[derive(Clone, Debug)]
pub struct FaultLibrary {
    path: PathBuf,
}

impl FaultLibrary {
    pub fn compile(directory: &Path) -> Result<Self, DiskError> {
        let source = directory.join("faultfs.c");
        let path = directory.join("faultfs.so");
        std::fs::write(&source, SOURCE).map_err(io_error("write", &source))?;
        let output = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&path, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .map_err(|error| DiskError::Compiler { reason: error.to_string() })?;
        if output.status.success() {
            return Ok(Self { path });
        }
        Err(DiskError::Compiler { reason: String::from_utf8_lossy(&output.stderr).into_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
