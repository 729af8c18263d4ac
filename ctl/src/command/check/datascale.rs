//! `check datascale`: how much memory of the server a number of keys takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use tokio::task::JoinSet;

use super::super::{Context, within};
use super::report::Report;
use crate::arguments::check::{Datascale, Load, Workload};
use crate::failure::Told;
use crate::output::line;

const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 512;
/// Time that one write may take before it counts as failed.
const WRITE: Duration = Duration::from_secs(30);
/// The figure among a server's metrics.
const RESIDENT: &str = "process_resident_memory_bytes";

/// Pairs, and by how many clients.
fn demand(load: Load) -> (u64, usize) {
    match load {
        Load::S => (10_000, 50),
        Load::M => (100_000, 200),
        Load::L => (1_000_000, 500),
        Load::Xl => (3_000_000, 1_000),
    }
}

pub async fn run(run: &Context, workload: Workload<Datascale>) -> anyhow::Result<()> {
    let (pairs, clients) = demand(workload.load);
    let prefix = workload.place.prefix;
    let sessions = super::sessions(run, clients).await?;
    let Some(first) = sessions.first().cloned() else { anyhow::bail!("no clients") };
    super::expect_empty(run, &first, &prefix).await?;
    let before = resident(run, "before").await?;
    line(format_args!(
        "Start data scale check for work load [{pairs} key-value pairs, {} bytes per key-value, \
         {clients} concurrent clients].",
        KEY_BYTES + VALUE_BYTES
    ))?;
    let report = write(sessions, &prefix, pairs).await;
    let after = resident(run, "after").await;
    let revision = super::delete(&first, &prefix).await?;
    if workload.auto_compact {
        super::compact(&first, revision).await?;
    }
    if workload.auto_defrag {
        super::defragment(run).await?;
    }
    if !report.print_errors()? {
        return Err(Told.into());
    }
    let used = (after? - before) / f64::from(1 << 20);
    line(format_args!("PASS: Approximate system memory used : {used:.2} MB."))?;
    Ok(())
}

async fn write(sessions: Vec<crate::connect::Session>, prefix: &str, pairs: u64) -> Report {
    let bar = super::bar(pairs);
    let next = Arc::new(AtomicU64::new(0));
    let value = Bytes::from(vec![0; VALUE_BYTES]);
    let mut clients = JoinSet::new();
    for session in sessions {
        let (next, bar, value) = (Arc::clone(&next), bar.clone(), value.clone());
        let prefix = prefix.to_owned();
        clients.spawn(async move {
            let mut written = Vec::new();
            while next.fetch_add(1, Ordering::Relaxed) < pairs {
                let key = super::key(&prefix, KEY_BYTES);
                let request = pb::PutRequest { key, value: value.clone(), ..Default::default() };
                let start = Instant::now();
                let outcome = within(WRITE, session.kv().put(request)).await;
                written.push((start.elapsed(), outcome.map(|_| ())));
                bar.inc(1);
            }
            written
        });
    }
    let mut report = Report::default();
    while let Some(written) = clients.join_next().await {
        match written {
            Ok(written) => {
                written.into_iter().for_each(|(took, outcome)| report.note(took, outcome));
            }
            Err(error) => report.note(Duration::ZERO, Err(error.into())),
        }
    }
    bar.finish_and_clear();
    report
}

/// Bytes of memory of the first endpoint's process.
async fn resident(run: &Context, when: &str) -> anyhow::Result<f64> {
    let page = run.target.http_get("/metrics").await;
    page.and_then(|page| figure(&page))
        .with_context(|| format!("FAIL: Could not read {RESIDENT} {when} the put operations."))
}

fn figure(page: &str) -> anyhow::Result<f64> {
    let value = page.lines().find_map(|line| line.strip_prefix(RESIDENT)?.strip_prefix(' '));
    let value = value.with_context(|| format!("could not find: {RESIDENT}"))?;
    Ok(value.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_found_among_the_metrics() {
        let page = "# HELP process_resident_memory_bytes x\nother 1\n\
            process_resident_memory_bytes 4.8791552e+07\n";
        assert_eq!(figure(page).expect("there"), 48_791_552.0);
        assert!(figure("other 1\n").is_err());
    }
}
