//! The command line: etcdctl's names and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Read, write and back up the store, as etcdctl and etcdutl do
///
/// Without `--endpoints` the running cluster of this host is used, with its certificates: the one
/// of `--cluster-dir`, `$CORACLE_DATA_DIR`, `$KUBECONFIG`, or the default data directory.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Global {
    /// gRPC endpoints of the store, separated by commas
    #[arg(long, global = true, value_delimiter = ',', env = "ETCDCTL_ENDPOINTS")]
    pub endpoints: Vec<String>,
    /// Certificate authority that the endpoints' certificates are verified against
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CACERT")]
    pub cacert: Option<PathBuf>,
    /// Client certificate
    #[arg(long, global = true, value_name = "FILE", env = "ETCDCTL_CERT", requires = "key_file")]
    pub cert: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(
        id = "key_file",
        long = "key",
        global = true,
        value_name = "FILE",
        env = "ETCDCTL_KEY",
        requires = "cert"
    )]
    pub key: Option<PathBuf>,
    /// Data directory of the cluster to use
    #[arg(long = "cluster-dir", global = true, value_name = "DIR", env = "CORACLE_DATA_DIR")]
    pub cluster_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(
        short = 'w',
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "ETCDCTL_WRITE_OUT"
    )]
    pub write_out: Format,
    /// Print byte strings as hex
    #[arg(long, global = true)]
    pub hex: bool,
    /// Seconds to wait for a connection
    #[arg(long, global = true, value_name = "DURATION", default_value = "2s", value_parser = parse_duration, env = "ETCDCTL_DIAL_TIMEOUT")]
    pub dial_timeout: std::time::Duration,
    /// Time that a short command may take
    #[arg(long, global = true, value_name = "DURATION", default_value = "5s", value_parser = parse_duration, env = "ETCDCTL_COMMAND_TIMEOUT")]
    pub command_timeout: std::time::Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Simple,
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Get a key or a range of keys
    Get(Get),
    /// Put a value; without one it is read from standard input
    Put(Put),
    /// Delete a key or a range of keys
    Del(Del),
    /// Run the transaction on standard input: compares, then operations, then else-operations,
    /// each list ended by an empty line
    Txn,
    /// Print changes of a key or a range of keys as they happen
    Watch(Watch),
    /// Forget history before a revision
    Compaction {
        #[arg(value_name = "REVISION")]
        revision: i64,
    },
    /// Grant, revoke and look at leases
    #[command(subcommand)]
    Lease(Lease),
    /// Look at the members
    #[command(subcommand)]
    Member(Member),
    /// Look at each endpoint
    #[command(subcommand)]
    Endpoint(Endpoint),
    /// Save a snapshot, look into one, restore one
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Print the version of this program and of the API that it speaks
    Version,
}

#[derive(Debug, Args)]
pub struct Get {
    pub key: String,
    pub range_end: Option<String>,
    /// Keys that start with KEY
    #[arg(long, conflicts_with_all = ["range_end", "from_key"])]
    pub prefix: bool,
    /// Keys from KEY on, in byte order
    #[arg(long, conflicts_with = "range_end")]
    pub from_key: bool,
    /// Greatest number of results, 0 for all
    #[arg(long, default_value_t = 0)]
    pub limit: i64,
    /// Read at this revision, 0 for the latest
    #[arg(long, default_value_t = 0)]
    pub rev: i64,
    #[arg(long, value_enum, ignore_case = true)]
    pub order: Option<Order>,
    #[arg(long, value_enum, ignore_case = true)]
    pub sort_by: Option<SortBy>,
    #[arg(long)]
    pub keys_only: bool,
    #[arg(long)]
    pub count_only: bool,
    #[arg(long)]
    pub print_value_only: bool,
    /// `l` waits for the cluster's agreement, `s` answers from the member asked
    #[arg(long, value_enum, default_value_t = Consistency::L)]
    pub consistency: Consistency,
    #[arg(long, default_value_t = 0)]
    pub min_create_rev: i64,
    #[arg(long, default_value_t = 0)]
    pub max_create_rev: i64,
    #[arg(long, default_value_t = 0)]
    pub min_mod_rev: i64,
    #[arg(long, default_value_t = 0)]
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
    L,
    S,
}

#[derive(Debug, Args)]
pub struct Put {
    pub key: String,
    pub value: Option<String>,
    /// Lease to attach, in hex
    #[arg(long, value_parser = parse_lease_id, default_value = "0")]
    pub lease: i64,
    /// Print the value that was replaced
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
    pub key: String,
    pub range_end: Option<String>,
    #[arg(long, conflicts_with_all = ["range_end", "from_key"])]
    pub prefix: bool,
    #[arg(long, conflicts_with = "range_end")]
    pub from_key: bool,
    /// Print what was deleted
    #[arg(long)]
    pub prev_kv: bool,
}

#[derive(Debug, Args)]
pub struct Watch {
    pub key: String,
    pub range_end: Option<String>,
    #[arg(long, conflicts_with = "range_end")]
    pub prefix: bool,
    /// Start at this revision, 0 for from now on
    #[arg(long, default_value_t = 0)]
    pub rev: i64,
    /// Print the value before each change
    #[arg(long)]
    pub prev_kv: bool,
    /// Ask the server for word of its revision when nothing changes
    #[arg(long)]
    pub progress_notify: bool,
}

#[derive(Debug, Subcommand)]
pub enum Lease {
    /// Grant a lease of so many seconds
    Grant {
        #[arg(value_name = "TTL")]
        ttl: i64,
    },
    /// Revoke a lease, deleting its keys
    Revoke {
        #[arg(value_parser = parse_lease_id)]
        lease_id: i64,
    },
    /// Print what is left of a lease
    Timetolive {
        #[arg(value_parser = parse_lease_id)]
        lease_id: i64,
        /// Print its keys too
        #[arg(long)]
        keys: bool,
    },
    /// Print the ids of all leases
    List,
    /// Renew a lease until interrupted
    KeepAlive {
        #[arg(value_parser = parse_lease_id)]
        lease_id: i64,
        /// Renew once and stop
        #[arg(long)]
        once: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Member {
    /// List the members
    List,
}

#[derive(Debug, Subcommand)]
pub enum Endpoint {
    /// Check that each endpoint answers a linearizable read
    Health {
        /// Use all of the cluster's endpoints
        #[arg(long)]
        cluster: bool,
    },
    /// Print version, size, leader and indexes of each endpoint
    Status {
        /// Use all of the cluster's endpoints
        #[arg(long)]
        cluster: bool,
    },
}

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

fn parse_lease_id(text: &str) -> Result<i64, String> {
    i64::from_str_radix(text, 16).map_err(|_| format!("{text:?} is no lease id (hexadecimal)"))
}

/// Go's notation for the cases that matter: `300ms`, `5s`, `1m`.
fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is no duration, try 5s"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(format!("{text:?} is no duration: give ms, s, m or h")),
    };
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        assert_eq!(parse_duration("300ms").map(|d| d.as_millis()), Ok(300));
        assert_eq!(parse_duration("2m").map(|d| d.as_secs()), Ok(120));
        assert!(parse_duration("5").is_err());
        assert!(parse_duration("fast").is_err());
        assert!(parse_duration("-1s").is_err());
    }

    #[derive(clap::Parser)]
    struct Whole {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        let words = std::iter::once(&"ctl").chain(words);
        <Whole as clap::Parser>::try_parse_from(words).map(|whole| whole.arguments)
    }

    #[test]
    fn every_command_is_parsed() {
        <Whole as clap::CommandFactory>::command().debug_assert();
        for words in [
            &["get", "k"][..],
            &["get", "--prefix", "k", "-w", "json"],
            &["--cacert", "a", "--cert", "b", "--key", "c", "get", "k"],
            &["put", "k", "v", "--key", "c", "--cert", "b"],
            &["del", "a", "b"],
            &["txn"],
            &["watch", "--rev", "3", "k"],
            &["lease", "grant", "10"],
            &["lease", "keep-alive", "--once", "a1"],
            &["member", "list"],
            &["endpoint", "status", "--cluster"],
            &["snapshot", "restore", "f", "--data-dir", "d"],
            &["compaction", "4"],
            &["version"],
        ] {
            if let Err(error) = parse(words) {
                panic!("{words:?}: {error}");
            }
        }
        for words in [
            &["get"][..],
            &["get", "--prefix", "a", "b"],
            &["--cert", "b", "get", "k"],
            &["snapshot", "restore", "f"],
            &["frobnicate"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn lease_ids_are_hex() {
        assert_eq!(parse_lease_id("694d77aa9e38260f"), Ok(0x694d_77aa_9e38_260f));
        assert!(parse_lease_id("xyz").is_err());
    }
}
