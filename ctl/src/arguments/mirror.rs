//! `make-mirror`.

use std::path::PathBuf;

use clap::{ArgAction, Args};

#[derive(Debug, Args)]
pub struct MakeMirror {
    /// Endpoint of the cluster to copy to
    pub destination: String,
    /// Keys that start with this, instead of all
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Begin with this revision's changes, without copying what was there before
    #[arg(long, default_value_t = 0)]
    pub rev: i64,
    /// Greatest number of operations of one transaction at the destination
    #[arg(long, default_value_t = 128)]
    pub max_txn_ops: usize,
    /// What takes the place of --prefix at the destination
    #[arg(long, default_value = "")]
    pub dest_prefix: String,
    /// Leave --prefix out at the destination
    #[arg(long)]
    pub no_dest_prefix: bool,
    /// Client certificate for the destination
    #[arg(long, value_name = "FILE")]
    pub dest_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE")]
    pub dest_key: Option<PathBuf>,
    /// Certificate authority of the destination
    #[arg(long, value_name = "FILE")]
    pub dest_cacert: Option<PathBuf>,
    /// Speak without TLS to a destination that does not say https://; false to demand TLS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = ArgAction::Set)]
    pub dest_insecure_transport: bool,
    /// `name:password` for the destination; the password is asked for when it is left out
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    pub dest_user: Option<String>,
    /// Password of `--dest-user`
    #[arg(long, value_name = "PASSWORD")]
    pub dest_password: Option<String>,
}
