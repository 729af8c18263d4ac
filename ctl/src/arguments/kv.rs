//! Keys and values: `get`, `put`, `del`, `txn`, `watch`, `compaction`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::values::lease_id;

#[derive(Debug, Args)]
pub struct Get {
    pub key: OsString,
    /// Keys from KEY up to, but without, this one
    pub range_end: Option<OsString>,
    /// Keys that start with KEY
    #[arg(long)]
    pub prefix: bool,
    /// Keys from KEY on, in byte order
    #[arg(long)]
    pub from_key: bool,
    /// Greatest number of results, 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub limit: i64,
    /// Read at this revision, 0 for the latest
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub rev: i64,
    /// Order of results
    #[arg(long, value_enum, ignore_case = true)]
    pub order: Option<Order>,
    /// What results are sorted by
    #[arg(long, value_enum, ignore_case = true)]
    pub sort_by: Option<SortBy>,
    /// Leave the values out
    #[arg(long)]
    pub keys_only: bool,
    /// Only count (with -w fields)
    #[arg(long)]
    pub count_only: bool,
    /// Print values alone (with -w simple)
    #[arg(long)]
    pub print_value_only: bool,
    /// `l` waits for the cluster's agreement, `s` answers from the member asked
    #[arg(long, value_enum, default_value_t = Consistency::L)]
    pub consistency: Consistency,
    /// Leave out keys created before this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub min_create_rev: i64,
    /// Leave out keys created after this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub max_create_rev: i64,
    /// Leave out keys last changed before this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub min_mod_rev: i64,
    /// Leave out keys last changed after this revision
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub max_mod_rev: i64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Order {
    Ascend,
    Descend,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SortBy {
    Create,
    Key,
    Modify,
    Value,
    Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Consistency {
    /// linearizable
    L,
    /// serializable
    S,
}

#[derive(Debug, Args)]
pub struct Put {
    pub key: OsString,
    /// Read from standard input when left out; after `--` it may begin with a dash
    pub value: Option<OsString>,
    /// Lease to attach, in hexadecimal
    #[arg(long, value_name = "LEASE_ID", value_parser = lease_id, default_value = "0")]
    pub lease: i64,
    /// Print the pair that was replaced
    #[arg(long)]
    pub prev_kv: bool,
    /// Keep the present value
    #[arg(long)]
    pub ignore_value: bool,
    /// Keep the present lease
    #[arg(long)]
    pub ignore_lease: bool,
}

#[derive(Debug, Args)]
pub struct Del {
    pub key: OsString,
    /// Keys from KEY up to, but without, this one
    pub range_end: Option<OsString>,
    /// Keys that start with KEY
    #[arg(long)]
    pub prefix: bool,
    /// Keys from KEY on, in byte order
    #[arg(long)]
    pub from_key: bool,
    /// Delete the range at once, without the two seconds in which to change one's mind
    #[arg(long)]
    pub range: bool,
    /// Print what was deleted
    #[arg(long)]
    pub prev_kv: bool,
}

#[derive(Debug, Args)]
pub struct Txn {
    /// Say which part of the transaction is read next
    #[arg(short, long)]
    pub interactive: bool,
}

#[derive(Clone, Debug, Args)]
pub struct Watch {
    /// Key to watch, or $ETCDCTL_WATCH_KEY
    pub key: Option<OsString>,
    /// Keys from KEY up to, but without, this one, or $ETCDCTL_WATCH_RANGE_END
    pub range_end: Option<OsString>,
    /// Command to run for each event, with $ETCD_WATCH_REVISION, $ETCD_WATCH_EVENT_TYPE,
    /// $ETCD_WATCH_KEY and $ETCD_WATCH_VALUE
    #[arg(last = true, value_name = "COMMAND")]
    pub exec: Vec<OsString>,
    /// Read `watch …` and `progress` from standard input, one a line
    #[arg(short, long)]
    pub interactive: bool,
    /// Keys that start with KEY
    #[arg(long)]
    pub prefix: bool,
    /// Start at this revision, 0 for from now on
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    pub rev: i64,
    /// Print the pair before each change
    #[arg(long)]
    pub prev_kv: bool,
    /// Ask the server for word of its revision when nothing changes
    #[arg(long)]
    pub progress_notify: bool,
}

#[derive(Debug, Args)]
pub struct Compaction {
    pub revision: i64,
    /// Wait until old revisions are gone from the disk
    #[arg(long)]
    pub physical: bool,
}
