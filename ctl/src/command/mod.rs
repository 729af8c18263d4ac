//! One module per family of commands.

mod alarm;
mod auth;
mod check;
mod completion;
mod defrag;
mod downgrade;
mod elect;
mod endpoint;
mod keep_alive;
mod key;
mod lease;
mod lock;
mod member;
mod mirror;
mod move_leader;
mod offline;
mod queue;
pub mod request;
mod role;
mod snapshot;
mod user;
mod version;
mod watch;
mod watcher;

use std::time::Duration;

use tonic::Status;

use crate::Host;
use crate::arguments::{Arguments, Called, Command, Global};
use crate::connect::{Session, Target};
use crate::output::Printer;

/// What every command that talks to a server needs.
pub struct Context {
    pub target: Target,
    pub printer: Printer,
    /// Time that a short command may take.
    pub timeout: Duration,
}

impl Context {
    fn new(global: &Global, printer: Printer, host: &Host<'_>) -> anyhow::Result<Self> {
        if global.debug {
            eprint!("{}", global.describe());
        }
        let target = Target::resolve(global, host)?;
        Ok(Self { target, printer, timeout: global.command_timeout })
    }

    /// A connection to any of the endpoints.
    async fn session(&self) -> anyhow::Result<Session> {
        self.target.any().await
    }
}

pub async fn run(arguments: Arguments, host: &Host<'_>) -> anyhow::Result<()> {
    let Arguments { called, global, command } = arguments;
    let printer = Printer { format: global.write_out, hex: global.hex };
    match command {
        Command::Version => version::run(called),
        Command::Completion(arguments) => completion::run(called, &arguments),
        Command::Migrate(arguments) => offline::migrate(&arguments),
        Command::Hashkv(arguments) => offline::hash_kv(&arguments, &printer, host),
        Command::Defrag(arguments) if arguments.data_dir.is_some() || called == Called::Etcdutl => {
            offline::defrag(&arguments, host)
        }
        Command::Snapshot(command) => snapshot::run(called, command, &global, &printer, host).await,
        command => online(&Context::new(&global, printer, host)?, command).await,
    }
}

/// Commands that talk to a server.
async fn online(run: &Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Get(arguments) => key::get(run, &arguments).await,
        Command::Put(arguments) => key::put(run, &arguments).await,
        Command::Del(arguments) => key::del(run, &arguments).await,
        Command::Txn(arguments) => key::txn(run, &arguments).await,
        Command::Compaction(arguments) => key::compact(run, &arguments).await,
        Command::Watch(arguments) => watch::run(run, arguments).await,
        Command::Lease(command) => lease::run(run, command).await,
        Command::Member(command) => member::run(run, command).await,
        Command::Endpoint(arguments) => endpoint::run(run, arguments).await,
        Command::Alarm(command) => alarm::run(run, command).await,
        Command::Defrag(arguments) => defrag::run(run, arguments.cluster).await,
        Command::MoveLeader(arguments) => move_leader::run(run, arguments.member_id).await,
        Command::MakeMirror(arguments) => mirror::run(run, arguments).await,
        Command::Lock(arguments) => lock::run(run, arguments).await,
        Command::Elect(arguments) => elect::run(run, arguments).await,
        Command::Auth(command) => auth::run(run, command).await,
        Command::User(command) => user::run(run, command).await,
        Command::Role(command) => role::run(run, command).await,
        Command::Check(command) => check::run(run, command).await,
        Command::Downgrade(command) => downgrade::run(run, command).await,
        Command::Version
        | Command::Completion(_)
        | Command::Migrate(_)
        | Command::Hashkv(_)
        | Command::Snapshot(_) => unreachable!("these need no server and were run already"),
    }
}

/// Waits for an answer for as long as `--command-timeout` allows. etcd's own words come first.
pub async fn within<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(refusal(&status)),
        Err(_) => anyhow::bail!(
            "context deadline exceeded: no answer within {} (--command-timeout)",
            crate::go::duration::show(timeout)
        ),
    }
}

/// A server's refusal in its own words.
pub fn refusal(status: &Status) -> anyhow::Error {
    if status.message().is_empty() {
        return anyhow::anyhow!("the server refused: {}", status.code().description());
    }
    anyhow::anyhow!("{}", status.message().to_owned())
}
