//! Many seeds, each in a process of its own: a run takes over chance and time of its whole process,
//! and one that hangs or dies takes no other along.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;

use super::host::real_time;
use super::world::{Failure, Outcome, Statistics};

/// A run that takes longer than this hangs.
const LONGEST_RUN: Duration = Duration::from_secs(200);
/// Between two looks whether a run has ended.
const LOOK: Duration = Duration::from_millis(2);
/// How much of what a dying run said is told.
const LAST_WORDS: usize = 4000;

/// Which runs to make.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Arguments that every run gets.
    pub arguments: Vec<String>,
    pub first_seed: u64,
    /// `None`: until the time is up.
    pub seeds: Option<u64>,
    pub time: Option<Duration>,
    pub jobs: usize,
    /// Every run is made twice and must be the same.
    pub twice: bool,
    /// Stop at the first seed that fails.
    pub until_failure: bool,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Report {
    pub runs: u64,
    pub failures: Vec<Outcome>,
    pub totals: Statistics,
    pub took: Duration,
}

/// Hands out seeds and takes outcomes.
struct Desk<'o> {
    orders: &'o Orders,
    began: Duration,
    state: Mutex<State>,
}

struct State {
    next: u64,
    ended: bool,
    report: Report,
}

/// Makes the runs. `progress` is told after each.
pub fn run(orders: &Orders, progress: impl Fn(&Report) + Sync) -> anyhow::Result<Report> {
    let desk = Desk {
        orders,
        began: real_time(),
        state: Mutex::new(State {
            next: orders.first_seed,
            ended: false,
            report: Report::default(),
        }),
    };
    let failed: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..orders.jobs.max(1) {
            scope.spawn(|| {
                while let Some(seed) = desk.take() {
                    match desk.make(seed) {
                        Ok(outcome) => desk.put(outcome, &progress),
                        Err(error) => {
                            failed.lock().expect("nobody panics with it").get_or_insert(error);
                            desk.lock().ended = true;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().expect("nobody panics with it") {
        return Err(error);
    }
    let mut report = desk.state.into_inner().expect("nobody panics with it").report;
    report.took = real_time().saturating_sub(desk.began);
    Ok(report)
}

impl Desk<'_> {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the desk")
    }

    fn take(&self) -> Option<u64> {
        let mut state = self.lock();
        let done = state.next - self.orders.first_seed;
        let passed = real_time().saturating_sub(self.began);
        let over = self.orders.seeds.is_some_and(|seeds| done >= seeds)
            || self.orders.time.is_some_and(|time| passed >= time);
        if state.ended || over {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    fn make(&self, seed: u64) -> anyhow::Result<Outcome> {
        let first = one(seed, &self.orders.arguments)?;
        if !self.orders.twice || first.failure.is_some() {
            return Ok(first);
        }
        let second = one(seed, &self.orders.arguments)?;
        if second == first {
            return Ok(first);
        }
        let how = format!("digest {:016x}, then {:016x}", first.digest, second.digest);
        let failure = Failure { what: "not-repeatable".into(), how, at_ms: 0 };
        Ok(Outcome { failure: Some(failure), ..first })
    }

    fn put(&self, outcome: Outcome, progress: &(impl Fn(&Report) + Sync)) {
        let mut state = self.lock();
        state.report.runs += 1;
        state.report.totals.add(&outcome.statistics);
        if outcome.failure.is_some() {
            state.report.failures.push(outcome);
            state.ended |= self.orders.until_failure;
        }
        state.report.took = real_time().saturating_sub(self.began);
        progress(&state.report);
    }
}

/// Runs one seed in a process of its own.
fn one(seed: u64, arguments: &[String]) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = Command::new(program)
        .arg("simulate")
        .args(["--seed", &seed.to_string(), "--alone"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the process of a run")?;
    let (mut output, mut words) = (child.stdout.take(), child.stderr.take());
    let (text, said) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| all_of(output.as_mut()));
        let listening = scope.spawn(|| all_of(words.as_mut()));
        let began = real_time();
        while matches!(child.try_wait(), Ok(None)) {
            if real_time().saturating_sub(began) > LONGEST_RUN {
                drop(child.kill());
            }
            std::thread::sleep(LOOK);
        }
        (reading.join().unwrap_or_default(), listening.join().unwrap_or_default())
    });
    let status = child.wait().context("cannot wait for the process of a run")?;
    if let Ok(outcome) = serde_json::from_str(text.trim()) {
        return Ok(outcome);
    }
    let from = said.len().saturating_sub(LAST_WORDS);
    let how = format!("{status}: {}", said.get(from..).unwrap_or(&said));
    let failure = Failure { what: "process-died".into(), how, at_ms: 0 };
    Ok(Outcome { seed, failure: Some(failure), digest: 0, statistics: Statistics::default() })
}

fn all_of(source: Option<&mut impl Read>) -> String {
    let mut text = Vec::new();
    if let Some(source) = source {
        // What could be read is told.
        let _ = source.read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
