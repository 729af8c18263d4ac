//! `check perf`: writes at a set rate for a minute. Passes when the rate is kept, nothing takes
//! half a second, and times are even.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout_at};

use super::super::{Context, within};
use super::report::{Figures, Report};
use crate::arguments::check::{Load, Perf, Workload};
use crate::connect::Session;
use crate::failure::Told;
use crate::output::{line, write};
use crate::signals;

const KEY_BYTES: usize = 256;
const VALUE_BYTES: usize = 1024;
const LASTS: Duration = Duration::from_secs(60);
/// Time that one write may take before it counts as failed.
const WRITE: Duration = Duration::from_secs(30);

/// Seconds that no request may take.
const SLOWEST: f64 = 0.5;
/// Seconds that times may differ.
const DEVIATION: f64 = 0.1;
/// The part of the rate that has to be kept.
const KEPT: f64 = 0.9;

/// Writes a second, and by how many clients.
fn demand(load: Load) -> (u32, usize) {
    match load {
        Load::S => (150, 50),
        Load::M => (1_000, 200),
        Load::L => (8_000, 500),
        Load::Xl => (15_000, 1_000),
    }
}

pub async fn run(run: &Context, workload: Workload<Perf>) -> anyhow::Result<()> {
    let (rate, clients) = demand(workload.load);
    let prefix = workload.place.prefix;
    let sessions = super::sessions(run, clients).await?;
    let Some(first) = sessions.first().cloned() else { anyhow::bail!("no clients") };
    super::expect_empty(run, &first, &prefix).await?;
    let start = Instant::now();
    let report = put_all(sessions, &prefix, rate).await;
    let took = start.elapsed();
    match super::delete(&first, &prefix).await {
        Ok(revision) if workload.auto_compact => super::compact(&first, revision).await?,
        Ok(_) => {}
        Err(error) => {
            line(format_args!("FAIL: Cleanup failed during key deletion: ERROR({error:#})"))?
        }
    }
    if workload.auto_defrag {
        super::defragment(run).await?;
    }
    let clean = report.print_errors()?;
    let (lines, passed) = verdict(&report.figures(took), rate);
    write(lines.as_bytes())?;
    let passed = passed && clean;
    line(format_args!("{}", if passed { "PASS" } else { "FAIL" }))?;
    if passed { Ok(()) } else { Err(Told.into()) }
}

/// Writes until the time is up or a person ends it; what was written is judged all the same.
async fn put_all(sessions: Vec<Session>, prefix: &str, rate: u32) -> Report {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    // A client that waits for an answer holds nobody up: what was missed is caught up on.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ticks = Arc::new(Mutex::new(ticks));
    let deadline = tokio::time::Instant::now() + LASTS;
    let mut clients = JoinSet::new();
    for session in sessions {
        clients.spawn(client(session, prefix.to_owned(), Arc::clone(&ticks), deadline));
    }
    let bar = super::bar(LASTS.as_secs());
    let mut seconds = interval(Duration::from_secs(1));
    seconds.tick().await;
    let mut report = Report::default();
    loop {
        tokio::select! {
            Some(written) = clients.join_next() => match written {
                Ok(written) => written.into_iter().for_each(|(took, outcome)| report.note(took, outcome)),
                Err(error) => report.note(Duration::ZERO, Err(error.into())),
            },
            _ = seconds.tick() => bar.inc(1),
            () = signals::ended() => clients.abort_all(),
            else => break,
        }
        if clients.is_empty() {
            break;
        }
    }
    bar.finish_and_clear();
    report
}

type Written = (Duration, anyhow::Result<()>);

async fn client(
    session: Session,
    prefix: String,
    ticks: Arc<Mutex<Interval>>,
    deadline: tokio::time::Instant,
) -> Vec<Written> {
    let value = Bytes::from(vec![0; VALUE_BYTES]);
    let mut written = Vec::new();
    let turn = || async { ticks.lock().await.tick().await };
    while timeout_at(deadline, turn()).await.is_ok() {
        let request = pb::PutRequest {
            key: super::key(&prefix, KEY_BYTES),
            value: value.clone(),
            ..Default::default()
        };
        let start = Instant::now();
        let outcome = within(WRITE, session.kv().put(request)).await;
        written.push((start.elapsed(), outcome.map(|_| ())));
    }
    written
}

fn verdict(figures: &Figures, rate: u32) -> (String, bool) {
    let writes = figures.rate as u64 + 1;
    let kept = figures.rate / f64::from(rate) > KEPT;
    let prompt = figures.slowest <= SLOWEST;
    let even = figures.deviation <= DEVIATION;
    let lines = [
        if kept {
            format!("PASS: Throughput is {writes} writes/s\n")
        } else {
            format!("FAIL: Throughput too low: {writes} writes/s\n")
        },
        if prompt {
            format!("PASS: Slowest request took {:.6}s\n", figures.slowest)
        } else {
            format!("Slowest request took too long: {:.6}s\n", figures.slowest)
        },
        if even {
            format!("PASS: Stddev is {:.6}s\n", figures.deviation)
        } else {
            format!("Stddev too high: {:.6}s\n", figures.deviation)
        },
    ];
    (lines.concat(), kept && prompt && even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_passes_when_all_figures_do() {
        let good = Figures { rate: 149.2, slowest: 0.1, deviation: 0.01 };
        let (lines, passed) = verdict(&good, 150);
        assert!(passed);
        assert_eq!(
            lines,
            "PASS: Throughput is 150 writes/s\nPASS: Slowest request took 0.100000s\n\
             PASS: Stddev is 0.010000s\n"
        );
        for bad in [
            Figures { rate: 130.0, ..good },
            Figures { slowest: 0.6, rate: 150.0, deviation: 0.0 },
            Figures { deviation: 0.2, rate: 150.0, slowest: 0.3 },
        ] {
            assert!(!verdict(&bad, 150).1, "{bad:?}");
        }
    }
}
