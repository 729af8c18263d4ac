//! What works on files: `hashkv`, `migrate`, `completion`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct HashKv {
    /// Snapshot or store file
    pub file: PathBuf,
    /// Hash up to this revision, 0 for the latest
    #[arg(long, default_value_t = 0)]
    pub rev: i64,
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// etcd version, as 3.6
    #[arg(long, value_name = "VERSION")]
    pub target_version: String,
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct Completion {
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}
