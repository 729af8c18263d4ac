//! All commands, and which of them a program of a given name has.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Args, FromArgMatches, Subcommand};

use super::go_flags::like_go;
use super::{Global, Snapshot, auth, check, cluster, concurrency, kv, lease, mirror, offline};

/// The name that the program goes by: it decides the commands shown and the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// Part of `coracle`: 1 for failures, 2 for wrong usage.
    Ctl,
    Etcdctl,
    Etcdutl,
}

impl Called {
    pub fn named(name: &str) -> Self {
        match name {
            "etcdctl" => Self::Etcdctl,
            "etcdutl" => Self::Etcdutl,
            _ => Self::Ctl,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ctl => "ctl",
            Self::Etcdctl => "etcdctl",
            Self::Etcdutl => "etcdutl",
        }
    }
}

/// A whole command line.
#[derive(Debug)]
pub struct Arguments {
    pub(crate) called: Called,
    pub(crate) global: Global,
    pub(crate) command: Command,
}

/// Read, write and look after an etcd store, as etcdctl and etcdutl do
///
/// Without `--endpoints` the running cluster of this host is used, with its certificates: the one
/// of `--cluster-dir`, `$CORACLE_DATA_DIR`, `$KUBECONFIG`, or the default data directory; else
/// 127.0.0.1:2379.
#[derive(Debug, Args)]
struct Words {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Get a key or a range of keys
    Get(kv::Get),
    /// Put a value; without one it is read from standard input
    Put(kv::Put),
    /// Delete a key or a range of keys
    Del(kv::Del),
    /// Run the transaction on standard input
    ///
    /// Three lists, each ended by an empty line: compares, as `mod("key") > "0"` (also version,
    /// create, value, lease; operators =, !=, <, >); requests for when all hold; requests for when
    /// not, as `put key "value"`, `get key`, `del key`.
    Txn(kv::Txn),
    /// Forget history before a revision
    Compaction(kv::Compaction),
    /// Print changes of a key or a range of keys as they happen
    Watch(kv::Watch),
    /// Grant, revoke, renew and look at leases
    #[command(subcommand)]
    Lease(lease::Lease),
    /// List, add, remove, update and promote members
    #[command(subcommand)]
    Member(cluster::Member),
    /// Ask each endpoint for its health, status or hash
    Endpoint(cluster::Endpoint),
    /// List and clear alarms
    #[command(subcommand)]
    Alarm(cluster::Alarm),
    /// Give space that is free inside the store back to the file system
    Defrag(cluster::Defrag),
    /// Make another member lead
    MoveLeader(cluster::MoveLeader),
    /// Save a snapshot, look into one, restore one
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Copy keys and their changes to another cluster until interrupted
    MakeMirror(mirror::MakeMirror),
    /// Hold a lock, until interrupted or while a command runs
    Lock(concurrency::Lock),
    /// Take part in an election, or watch one
    Elect(concurrency::Elect),
    /// Turn authentication on and off
    #[command(subcommand)]
    Auth(auth::Auth),
    /// Look after users
    #[command(subcommand)]
    User(auth::User),
    /// Look after roles
    #[command(subcommand)]
    Role(auth::Role),
    /// Measure the cluster
    #[command(subcommand)]
    Check(check::Check),
    /// Prepare the cluster for an older version
    #[command(subcommand)]
    Downgrade(cluster::Downgrade),
    /// Print the hash of a file's history
    Hashkv(offline::HashKv),
    /// Change the files of etcd to fit another version of it
    Migrate(offline::Migrate),
    /// Print a completion script for a shell
    Completion(offline::Completion),
    /// Print the version of this program and of the API that it speaks
    Version,
}

/// Commands that work on files: etcdutl's.
const OFFLINE: [&str; 6] = ["snapshot", "defrag", "hashkv", "migrate", "completion", "version"];
/// Those of them that etcdctl does not have.
const ONLY_OFFLINE: [&str; 2] = ["hashkv", "migrate"];

impl Args for Arguments {
    fn augment_args(command: clap::Command) -> clap::Command {
        like_go(Words::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        like_go(Words::augment_args_for_update(command))
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let Words { global, command } = Words::from_arg_matches(matches)?;
        Ok(Self { called: Called::Ctl, global, command })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self { called: self.called, ..Self::from_arg_matches(matches)? };
        Ok(())
    }
}

/// The program of that name, for parsing and for completion scripts.
pub fn program(called: Called) -> clap::Command {
    let command = clap::Command::new(called.name())
        .version(env!("CARGO_PKG_VERSION"))
        .arg_required_else_help(true)
        .subcommand_required(true);
    let mut command = Arguments::augment_args(command);
    let hidden: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .filter(|name| match called {
            Called::Ctl => false,
            Called::Etcdctl => ONLY_OFFLINE.contains(&name.as_str()),
            Called::Etcdutl => !OFFLINE.contains(&name.as_str()),
        })
        .collect();
    if called == Called::Etcdutl {
        let form = |arg: &clap::Arg| arg.get_id() == "write_out";
        command = command.mut_args(|arg| if form(&arg) { arg } else { arg.hide(true) });
    }
    for name in hidden {
        command = command.mut_subcommand(name, |subcommand| subcommand.hide(true));
    }
    command
}

/// The help of the innermost command that is named: what there is to choose from. clap tells it by
/// itself only where not even a variable is set.
fn help(called: Called, words: &[OsString]) -> clap::Error {
    let mut command = program(called);
    command.build();
    let mut inner = &command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        match inner.find_subcommand(word) {
            Some(found) => inner = found,
            None if word.starts_with('-') => {}
            None => break,
        }
    }
    let text = inner.clone().render_help();
    clap::Error::raw(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, text)
}

/// Parses a command line whose first word is the program's own name.
pub fn parse(called: Called, words: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let matches = program(called).try_get_matches_from(&words).map_err(|error| {
        if error.kind() == ErrorKind::MissingSubcommand { help(called, &words) } else { error }
    })?;
    let arguments = Arguments::from_arg_matches(&matches)?;
    Ok(Arguments { called, ..arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Arguments, clap::Error> {
        let words = std::iter::once(&"etcdctl").chain(words).map(OsString::from).collect();
        parse(Called::Etcdctl, words)
    }

    #[test]
    fn the_command_lines_are_consistent() {
        for called in [Called::Ctl, Called::Etcdctl, Called::Etcdutl] {
            program(called).debug_assert();
        }
    }

    #[test]
    fn every_command_is_parsed() {
        for line in [
            "get k",
            "get --prefix k -w json --order=descend --sort-by modify",
            "get a b --consistency s --limit 3 --rev -1",
            "--cacert a --cert b --key c get k",
            "put k v --key c --cert b --lease 1f",
            "put k -- -v",
            "del a b --range --prev-kv=false",
            "txn -i",
            "watch --rev 3 k",
            "watch k -- echo --rev hello",
            "watch -i",
            "lease grant 10",
            "lease keep-alive --once a1",
            "lease timetolive a1 --keys",
            "member list --consistency=s",
            "mem li",
            "member add m1 --peer-urls=http://a:1,http://b:2 --learner",
            "member update a1 --peer-urls http://a:1",
            "member promote a1",
            "endpoint --cluster status",
            "endpoint status --cluster",
            "endpoint hashkv --rev 3",
            "alarm list",
            "defrag --cluster",
            "defrag --data-dir d",
            "move-leader a1",
            "snapshot restore f --data-dir d",
            "compaction 4 --physical",
            "make-mirror http://a:1 --prefix a --dest-prefix b --max-txn-ops 3",
            "lock l --ttl 3 echo a b",
            "lock l -- ls -l",
            "elect e p",
            "elect -l e",
            "auth enable",
            "user add a:b",
            "user add a --interactive=false",
            "user get a --detail",
            "user grant-role a r",
            "role grant-permission r READWRITE k --prefix",
            "role revoke-permission r k z",
            "check perf --load small",
            "check datascale --load=xl --auto-compact",
            "downgrade validate 3.5",
            "downgrade cancel",
            "hashkv f",
            "migrate --data-dir d --target-version 3.6",
            "completion powershell",
            "version",
            "--user root:x --password y get k",
            "get k --insecure-skip-tls-verify=false --insecure-transport=false",
            "get k --limit 1 --limit 2",
        ] {
            if let Err(error) = of(&line.split(' ').collect::<Vec<_>>()) {
                panic!("{line:?}: {error}");
            }
        }
    }

    #[test]
    fn wrong_command_lines_are_refused() {
        for line in [
            "get",
            "get a b c",
            "put",
            "lease grant ten",
            "lease revoke xyz",
            "snapshot restore",
            "frobnicate",
            "get k --frobnicate",
            "get k --prefix=maybe",
            "role grant-permission r all k",
        ] {
            assert!(of(&line.split(' ').collect::<Vec<_>>()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn the_last_of_a_repeated_option_counts() {
        let Command::Get(get) =
            of(&["get", "k", "--limit", "1", "--limit=2"]).expect("fine").command
        else {
            panic!("get");
        };
        assert_eq!((get.limit, get.prefix), (2, false));
    }
}
