//! `get`, `put`, `del`, `txn`, `compaction`.

use std::io::{Read, stdin};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use anyhow::Context;
use store_proto::etcdserverpb as pb;

use super::{Context as Run, request, within};
use crate::arguments::Format;
use crate::arguments::kv::{Compaction, Del, Get, Put, Txn};
use crate::go::quote::quote;
use crate::output::{Answer, line};
use crate::{Usage, txn};

/// Time to change one's mind before a range is deleted.
const REGRET: Duration = Duration::from_secs(2);

pub async fn get(run: &Run, get: &Get) -> anyhow::Result<()> {
    let request = request::range(get)?;
    let response = within(run.timeout, run.session().await?.kv().range(request)).await?;
    if get.count_only && run.printer.format != Format::Fields {
        return Err(Usage("--count-only is only for `--write-out=fields`".to_owned()).into());
    }
    if get.print_value_only && run.printer.format != Format::Simple {
        return Err(Usage("print-value-only is only for `--write-out=simple`".to_owned()).into());
    }
    run.printer.print(&Answer::Get { response: &response, values_only: get.print_value_only })
}

pub async fn put(run: &Run, put: &Put) -> anyhow::Result<()> {
    let value = match &put.value {
        Some(value) => value.as_bytes().to_vec(),
        None if put.ignore_value => Vec::new(),
        None => read_value()?,
    };
    let request = request::put(put, value)?;
    let response = within(run.timeout, run.session().await?.kv().put(request)).await?;
    run.printer.print(&Answer::Put(&response))
}

/// An empty value is not read, only given: it is what a pipe that failed looks like.
fn read_value() -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    stdin().read_to_end(&mut value).context("cannot read standard input")?;
    if value.is_empty() {
        return Err(Usage(
            "put command needs 1 argument and input from stdin or 2 arguments".to_owned(),
        )
        .into());
    }
    Ok(value)
}

pub async fn del(run: &Run, del: &Del) -> anyhow::Result<()> {
    let request = request::delete(del)?;
    if let (Some(end), false) = (&del.range_end, del.range) {
        eprintln!(
            "Warning: Keys between {} and {} will be deleted. Please interrupt the command within \
             next 2 seconds to cancel. You can provide `--range` flag to avoid the delay.",
            quote(del.key.as_bytes()),
            quote(end.as_bytes())
        );
        tokio::time::sleep(REGRET).await;
    }
    let response = within(run.timeout, run.session().await?.kv().delete_range(request)).await?;
    run.printer.print(&Answer::Del(&response))
}

pub async fn txn(run: &Run, arguments: &Txn) -> anyhow::Result<()> {
    let announce = |list: &str| {
        if arguments.interactive { line(list) } else { Ok(()) }
    };
    let request = txn::read(stdin().lock(), announce)?;
    let response = within(run.timeout, run.session().await?.kv().txn(request)).await?;
    run.printer.print(&Answer::Txn(&response))
}

pub async fn compact(run: &Run, arguments: &Compaction) -> anyhow::Result<()> {
    let request =
        pb::CompactionRequest { revision: arguments.revision, physical: arguments.physical };
    within(run.timeout, run.session().await?.kv().compact(request)).await?;
    line(format_args!("compacted revision {}", arguments.revision))?;
    Ok(())
}
