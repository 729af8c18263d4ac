//! One file per command (or family of commands).

mod endpoint;
mod key;
mod lease;
mod member;
pub mod request;
mod snapshot;
mod watch;

pub use endpoint::Health;

use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use store_proto::etcdserverpb as pb;
use tonic::Status;

use crate::arguments::{Arguments, Command};
use crate::connect::{Target, kv};
use crate::output::Printer;
use crate::{Host, script};

pub async fn run(arguments: Arguments, host: &Host<'_>) -> anyhow::Result<()> {
    let Arguments { global, command } = arguments;
    let printer = Printer { format: global.write_out, hex: global.hex };
    // What needs no server comes first.
    let command = match command {
        Command::Version => return printer.version(),
        Command::Snapshot(command) => {
            return snapshot::run(command, &global, &printer, host).await;
        }
        command => command,
    };
    let target = Target::resolve(&global, host)?;
    let timeout = global.command_timeout;
    match command {
        Command::Get(get) => key::get(&target, &get, &printer, timeout).await,
        Command::Put(put) => key::put(&target, put, &printer, timeout).await,
        Command::Del(del) => key::del(&target, &del, &printer, timeout).await,
        Command::Txn => txn(&target, &printer, timeout).await,
        Command::Watch(watch) => watch::run(&target, watch, &printer).await,
        Command::Compaction { revision } => compact(&target, revision, timeout).await,
        Command::Lease(command) => lease::run(&target, command, &printer, timeout).await,
        Command::Member(command) => member::run(&target, command, &printer, timeout).await,
        Command::Endpoint(command) => endpoint::run(&target, command, &printer, timeout).await,
        Command::Version | Command::Snapshot(_) => unreachable!("answered above"),
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
        Err(_) => anyhow::bail!("no answer within {timeout:?} (--command-timeout)"),
    }
}

/// A server's refusal in its own words.
pub fn refusal(status: &Status) -> anyhow::Error {
    if status.message().is_empty() {
        return anyhow::anyhow!("the server refused: {}", status.code().description());
    }
    anyhow::anyhow!("{}", status.message().to_owned())
}

async fn txn(target: &Target, printer: &Printer, timeout: Duration) -> anyhow::Result<()> {
    let text = std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?;
    let request = script::parse(&text)?;
    let response = within(timeout, kv(target.any().await?).txn(request)).await?;
    printer.txn(&response)
}

async fn compact(target: &Target, revision: i64, timeout: Duration) -> anyhow::Result<()> {
    let request = pb::CompactionRequest { revision, physical: false };
    within(timeout, kv(target.any().await?).compact(request)).await?;
    println!("compacted revision {revision}");
    Ok(())
}
