//! `snapshot …`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Save a consistent snapshot of the store to FILE
    Save { file: PathBuf },
    /// Check a snapshot file and print what it holds
    Status { file: PathBuf },
    /// Make a data directory from a snapshot file
    Restore {
        file: PathBuf,
        /// Directory to make; it must be empty or absent
        #[arg(long)]
        data_dir: PathBuf,
        /// Take a file whose checksum is missing, as one copied from a data directory
        #[arg(long)]
        skip_hash_check: bool,
    },
}
