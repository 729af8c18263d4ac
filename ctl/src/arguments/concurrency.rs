//! `lock` and `elect`.

use std::ffi::OsString;

use clap::Args;

#[derive(Debug, Args)]
pub struct Lock {
    #[arg(value_name = "NAME")]
    pub lock_name: OsString,
    /// Command to run while the lock is held, with $ETCD_LOCK_KEY and $ETCD_LOCK_REV; put `--`
    /// before it when it has options
    #[arg(value_name = "COMMAND")]
    pub exec: Vec<OsString>,
    /// Seconds after which the lock of a process that died is free again
    #[arg(long, default_value_t = 10)]
    pub ttl: i64,
}

#[derive(Debug, Args)]
pub struct Elect {
    #[arg(value_name = "ELECTION")]
    pub election: OsString,
    /// What to say when elected
    pub proposal: Option<OsString>,
    /// Only print who is elected
    #[arg(short, long)]
    pub listen: bool,
}
