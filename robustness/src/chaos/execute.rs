//! One run, from founding to report.
//!
//! ```text
//!  found ─► clients and watchers ─► fault, recovery, fault, recovery, … ─► clients stop
//!        ─► all whole, compared, read through ─► watchers stop ─► history judged ─► report
//! ```
//!
//! The main future stays on the main thread, which starts all members (they die with it), while
//! clients run on the runtime's threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clients::{Fleet, Shared};
use super::cluster::{Binary, Cluster, ClusterError, Founding};
use super::command::Arguments;
use super::faults::{Plan, World};
use super::report::{self, Agreement, Fault, Report};
use super::{ending, outages, sandbox};
use crate::check::{self, check};
use crate::history::Recorder;

/// Between two faults, in milliseconds.
const CALM: std::ops::Range<u64> = 300..1500;

/// Runs as `arguments` say. Call it while the process has one thread.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Report> {
    let binary = Binary::find(arguments.binary.as_deref())?;
    sandbox::enter()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let kept = Kept::new(arguments.keep.as_deref())?;
    let report = runtime.block_on(chaos(arguments, binary, &kept.directory))?;
    let json = serde_json::to_vec_pretty(&report).context("cannot write the report as JSON")?;
    let path = kept.directory.join("report.json");
    std::fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    kept.close(report.is_fine());
    Ok(report)
}

/// Where a run leaves its history and logs.
struct Kept {
    directory: PathBuf,
    /// Whether it goes if all was fine.
    temporary: bool,
}

impl Kept {
    fn new(named: Option<&Path>) -> anyhow::Result<Self> {
        let Some(named) = named else {
            let directory = tempfile::Builder::new().prefix("chaos-").tempdir();
            let directory = directory.context("cannot make a temporary directory")?.keep();
            return Ok(Self { directory, temporary: true });
        };
        std::fs::create_dir_all(named)
            .with_context(|| format!("cannot make {} (--keep)", named.display()))?;
        Ok(Self { directory: named.to_owned(), temporary: false })
    }

    fn close(self, fine: bool) {
        if fine && self.temporary {
            // What cannot be removed from a temporary directory is the system's to remove.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

async fn chaos(arguments: &Arguments, binary: Binary, kept: &Path) -> anyhow::Result<Report> {
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random());
    tracing::info!(seed, kept = %kept.display(), "chaos begins");
    let directory = tempfile::Builder::new().prefix("chaos-run-").tempdir();
    let directory = directory.context("cannot make a temporary directory")?;
    let members = usize::from(arguments.members);
    let founding = Founding { members, binary, fsync: !arguments.unsafe_no_fsync };
    let cluster = Cluster::create(directory.path(), &kept.join("logs"), founding)?;
    let history = kept.join("history.jsonl");
    let began = Instant::now();
    let clock = move || u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let recorder = Recorder::with_file(clock, &history)?;
    let urls = cluster.members.iter().map(|member| member.client_url()).collect();
    let shared = Arc::new(Shared::new(seed, recorder, Arc::clone(&cluster.pki), urls));
    let rng = StdRng::seed_from_u64(seed);
    let mut world = World { cluster, shared, rng, failovers: Vec::new() };
    let mut run = Run { arguments, began, faults: Vec::new() };
    let outcome = run.perform(&mut world).await;
    let (agreement, failure) = match outcome {
        Ok(agreement) => (Some(agreement), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if failure.is_some() {
        keep_disks(&world.cluster, kept);
    }
    let seconds = began.elapsed().as_secs();
    let World { cluster, shared, failovers, .. } = world;
    let logs = cluster.logs();
    drop(cluster);
    tracing::info!("judging the history");
    let lines = shared.recorder.lines();
    Ok(Report {
        seed,
        members,
        seconds,
        operations: report::operations(&lines),
        faults: run.faults,
        outages: outages::outages(&lines),
        failovers,
        failover_goal_ms: report::failover_goal_ms(),
        agreement,
        failure,
        verdict: check(&lines, &check::Options::default()),
        history,
        logs,
    })
}

struct Run<'a> {
    arguments: &'a Arguments,
    began: Instant,
    faults: Vec<Fault>,
}

impl Run<'_> {
    async fn perform(&mut self, world: &mut World) -> Result<Agreement, ClusterError> {
        world.cluster.recover().await?;
        tracing::info!("the cluster is founded");
        let mut fleet = Fleet::start(&world.shared, self.arguments.rate);
        let interrupted = interrupts();
        let struck = self.strike(world, &interrupted).await;
        // Whatever happened, what clients have under way is waited for: the history ends whole.
        fleet.stop_clients().await;
        let ended = match struck {
            Ok(()) => self.end(world, &fleet).await,
            Err(error) => Err(error),
        };
        fleet.stop_watchers().await;
        ended
    }

    async fn strike(
        &mut self,
        world: &mut World,
        interrupted: &CancellationToken,
    ) -> Result<(), ClusterError> {
        let mut plan = Plan::new(self.arguments.kinds());
        let over = |plan: &Plan| {
            plan.is_covered() && self.began.elapsed() >= self.arguments.duration
                || interrupted.is_cancelled()
        };
        let mut faults = Vec::new();
        while !over(&plan)
            && let Some(kind) = plan.next(&mut world.rng)
        {
            world.hold(CALM).await;
            let began = Instant::now();
            world.shared.recorder.fault(format!("{kind} begins"));
            tracing::info!("{kind}");
            let what = kind.strike(world).await?;
            world.shared.recorder.fault(what.clone());
            let struck = Instant::now();
            world.cluster.recover().await?;
            world.shared.recorder.fault("all members are whole");
            tracing::info!("{what}; whole after {:.1?}", struck.elapsed());
            faults.push(Fault {
                kind,
                what,
                at_ms: millis(began - self.began),
                took_ms: millis(struck - began),
                recovery_ms: millis(struck.elapsed()),
            });
            self.faults.clone_from(&faults);
        }
        Ok(())
    }

    async fn end(&self, world: &mut World, fleet: &Fleet) -> Result<Agreement, ClusterError> {
        world.cluster.recover().await?;
        ending::end(&world.cluster, &world.shared, fleet).await
    }
}

/// Cancelled by the first Ctrl-C; the second ends the process, and members with it.
fn interrupts() -> CancellationToken {
    let interrupted = CancellationToken::new();
    let first = interrupted.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            tracing::info!("interrupted: no more faults; once more to end at once");
            first.cancel();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(1);
        }
    });
    interrupted
}

/// Copies the members' directories, for whoever looks for the reason.
fn keep_disks(cluster: &Cluster, kept: &Path) {
    for member in &cluster.members {
        let to = kept.join(format!("m{}.data", member.slot));
        let copied =
            std::process::Command::new("cp").arg("-a").arg(member.volume.data()).arg(&to).status();
        if !copied.is_ok_and(|status| status.success()) {
            tracing::warn!("cannot copy {} to {}", member.volume.data().display(), to.display());
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
