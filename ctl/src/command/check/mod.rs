//! `check perf|datascale`: measures a cluster by writing to it.

mod datascale;
mod perf;
mod report;

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use store_proto::etcdserverpb as pb;

use super::request::prefix_end;
use super::{Context, within};
use crate::arguments::check::Check;
use crate::connect::Session;
use crate::failure::{Failure, Kind};
use crate::output::line;

/// Connections that are opened at a time.
const OPENING: usize = 32;
/// Time that cleaning up may take.
const CLEANUP: Duration = Duration::from_secs(30);

pub async fn run(run: &Context, command: Check) -> anyhow::Result<()> {
    match command {
        Check::Perf(workload) => perf::run(run, workload).await,
        Check::Datascale(workload) => datascale::run(run, workload).await,
    }
}

/// One connection a client, as many programs would have.
async fn sessions(run: &Context, clients: usize) -> anyhow::Result<Vec<Session>> {
    let opening = (0..clients).map(|_| run.session());
    futures::stream::iter(opening).buffer_unordered(OPENING).try_collect().await
}

/// What is written must not touch what is there.
async fn expect_empty(run: &Context, session: &Session, prefix: &str) -> anyhow::Result<()> {
    let key = Bytes::copy_from_slice(prefix.as_bytes());
    let range_end = prefix_end(&key);
    let request = pb::RangeRequest { key, range_end, limit: 1, ..Default::default() };
    let present = within(run.timeout, session.kv().range(request)).await?;
    if present.kvs.is_empty() {
        return Ok(());
    }
    let reason =
        format!("prefix {prefix:?} has keys. Delete with 'etcdctl del --prefix {prefix}' first");
    Err(Failure::new(Kind::Input, reason).into())
}

/// A key that is likely new: the prefix, a random number, and zeros up to the size.
fn key(prefix: &str, size: usize) -> Bytes {
    let mut random = vec![0; size];
    let bytes = rand::random::<u64>().to_be_bytes();
    random[..bytes.len()].copy_from_slice(&bytes);
    [prefix.as_bytes(), &random].concat().into()
}

/// Deletes what was written; gives the revision of that.
async fn delete(session: &Session, prefix: &str) -> anyhow::Result<i64> {
    let key = Bytes::copy_from_slice(prefix.as_bytes());
    let range_end = prefix_end(&key);
    let request = pb::DeleteRangeRequest { key, range_end, prev_kv: false };
    let answer = within(CLEANUP, session.kv().delete_range(request)).await?;
    Ok(answer.header.unwrap_or_default().revision)
}

async fn compact(session: &Session, revision: i64) -> anyhow::Result<()> {
    line(format_args!("Compacting with revision {revision}"))?;
    let request = pb::CompactionRequest { revision, physical: true };
    within(CLEANUP, session.kv().compact(request)).await?;
    line(format_args!("Compacted with revision {revision}"))?;
    Ok(())
}

async fn defragment(run: &Context) -> anyhow::Result<()> {
    for endpoint in &run.target.endpoints {
        line(format_args!("Defragmenting {endpoint:?}"))?;
        let mut client = run.target.only(endpoint).await?.maintenance();
        within(CLEANUP, client.defragment(pb::DefragmentRequest {})).await?;
        line(format_args!("Defragmented {endpoint:?}"))?;
    }
    Ok(())
}

/// A bar on standard error, where that is a terminal.
fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} / {len} {wide_bar} {percent}% {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}
