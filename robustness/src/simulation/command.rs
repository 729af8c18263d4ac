//! `robustness simulate`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use store::simulation::Bug;

use super::fleet::{self, Orders, Report};
use super::world::{self, Outcome};
use crate::history;

/// Whole clusters in one thread each, from seeds
///
/// Every seed is a cluster of three or five members, its clients, disks, clocks and network, and a
/// storm of faults. The same seed does the same, always. A seed that fails is printed with the
/// command that replays it.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// How many seeds to run; without it and without --hours, 100
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Stop after so many hours; with --seeds, at whichever comes first
    #[arg(long, value_name = "H")]
    hours: Option<f64>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    start: u64,
    /// Run this seed alone, in this process, and tell what happens
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "hours"])]
    seed: Option<u64>,
    /// Members of each cluster; without it the seed decides between 3 and 5
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    members: Option<u8>,
    /// Runs at once; without it, one for each processor
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Run every seed twice, and fail where the two runs differ
    #[arg(long)]
    twice: bool,
    /// Plant a deliberate bug that the simulation has to find; `list` names them
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Stop at the first seed that fails
    #[arg(long)]
    until_failure: bool,
    /// Write the history of --seed to this file, as JSON lines
    #[arg(long, value_name = "FILE", requires = "seed")]
    history: Option<PathBuf>,
    /// Print the outcome for scripts
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
    output: Option<String>,
    /// As one of many: print the outcome as JSON, and nothing else
    #[arg(long, hide = true, requires = "seed")]
    alone: bool,
}

/// What could not even be run.
const UNABLE: u8 = 2;

/// Runs what is asked for. Exit code 1 where something was found, 2 where nothing could be run.
pub fn run(arguments: &Arguments) -> ExitCode {
    run_any(arguments).unwrap_or_else(|error| {
        eprintln!("robustness: {error:#}");
        ExitCode::from(UNABLE)
    })
}

fn run_any(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.bug.as_deref() == Some("list") {
        Bug::ALL.iter().for_each(|bug| println!("{}", name_of(*bug)));
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.seed {
        Some(seed) => run_one(seed, arguments),
        None => run_many(arguments),
    }
}

/// `AcknowledgeBeforeSync` is `acknowledge-before-sync`.
pub fn name_of(bug: Bug) -> String {
    let mut name = String::new();
    for letter in format!("{bug:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

fn bug_of(arguments: &Arguments) -> anyhow::Result<Option<Bug>> {
    let Some(name) = &arguments.bug else { return Ok(None) };
    let found = Bug::ALL.into_iter().find(|bug| name_of(*bug) == *name);
    found.map(Some).with_context(|| format!("--bug {name}: no such bug; --bug list names them"))
}

fn run_one(seed: u64, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let bug = bug_of(arguments)?;
    let members = arguments.members.map(usize::from);
    if !arguments.alone {
        tracing_subscriber::fmt()
            .with_env_filter(
                tracing_subscriber::EnvFilter::try_from_default_env()
                    .unwrap_or_else(|_| "info,openraft=warn".into()),
            )
            .with_writer(std::io::stderr)
            .init();
    }
    let directory = temporary_directory()?;
    // A thread that has asked for no chance yet: what it draws comes from the seed alone.
    let path = directory.path().to_owned();
    let running = std::thread::Builder::new()
        .name("simulation".into())
        .stack_size(64 << 20)
        .spawn(move || world::run(seed, members, bug, &path))
        .context("cannot start the thread of the simulation")?;
    let (outcome, lines) = match running.join() {
        Ok(outcome) => outcome?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    if let Some(path) = &arguments.history {
        history::write(path, &lines)?;
    }
    if arguments.alone || arguments.output.is_some() {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        tell_one(&outcome);
    }
    let found = outcome.failure.is_some() && !arguments.alone;
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// In memory where there is a file system in memory.
fn temporary_directory() -> anyhow::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .context("cannot make a temporary directory")
}

fn run_many(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let bug = bug_of(arguments)?;
    let mut passed_on = Vec::new();
    if let Some(members) = arguments.members {
        passed_on.extend(["--members".to_owned(), members.to_string()]);
    }
    if let Some(bug) = bug {
        passed_on.extend(["--bug".to_owned(), name_of(bug)]);
    }
    let time = arguments.hours.map(|hours| Duration::try_from_secs_f64(hours * 3600.0));
    let time = time.transpose().context("--hours: not a time")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let orders = Orders {
        arguments: passed_on.clone(),
        first_seed: arguments.start,
        seeds: arguments.seeds.or(if time.is_none() { Some(100) } else { None }),
        time,
        jobs: arguments.jobs.unwrap_or(cores),
        twice: arguments.twice,
        until_failure: arguments.until_failure,
    };
    let report = fleet::run(&orders, tell_progress)?;
    if arguments.output.is_some() {
        println!("{}", serde_json::to_string(&Summary::of(&report))?);
    } else {
        tell_many(&report, &passed_on);
    }
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs between two lines of progress.
const PROGRESS: u64 = 100;

fn tell_progress(report: &Report) {
    if report.runs.is_multiple_of(PROGRESS) {
        eprintln!(
            "{} seeds in {:.0} s, {} failed",
            report.runs,
            report.took.as_secs_f64(),
            report.failures.len()
        );
    }
}

fn tell_one(outcome: &Outcome) {
    println!("seed {}: digest {:016x}", outcome.seed, outcome.digest);
    println!("{:#?}", outcome.statistics);
    match &outcome.failure {
        None => println!("nothing found"),
        Some(failure) => {
            println!("FOUND {} at {} ms: {}", failure.what, failure.at_ms, failure.how);
        }
    }
}

fn tell_many(report: &Report, passed_on: &[String]) {
    let totals = &report.totals;
    println!(
        "{} seeds in {:.0} s: {:.1} simulated hours, {} entries, {} requests acknowledged, {} unknown, {} \
         watch answers, {} faults, {} messages",
        report.runs,
        report.took.as_secs_f64(),
        totals.simulated_ms as f64 / 3_600_000.0,
        totals.entries,
        totals.acknowledged,
        totals.unknown,
        totals.events,
        totals.faults,
        totals.messages
    );
    for outcome in &report.failures {
        let Some(failure) = &outcome.failure else { continue };
        let extra: String = passed_on.iter().map(|argument| format!(" {argument}")).collect();
        println!("\nseed {} FAILED: {} at {} ms", outcome.seed, failure.what, failure.at_ms);
        println!("  {}", failure.how);
        println!("  replay: cargo run -p robustness -- simulate --seed {}{extra}", outcome.seed);
    }
    if report.failures.is_empty() {
        println!("nothing found");
    }
}

#[derive(Serialize)]
struct Summary<'r> {
    runs: u64,
    took_seconds: f64,
    totals: &'r world::Statistics,
    failures: &'r [Outcome],
}

impl<'r> Summary<'r> {
    fn of(report: &'r Report) -> Self {
        Self {
            runs: report.runs,
            took_seconds: report.took.as_secs_f64(),
            totals: &report.totals,
            failures: &report.failures,
        }
    }
}
