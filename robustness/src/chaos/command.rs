//! `robustness chaos`: its arguments, and from them to an exit code.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use super::execute::execute;
use super::faults::Kind;

const ABOUT: &str = "\
Runs real members and does to them what happens to machines

Each member is a process of the coracle binary with TLS everywhere, a network namespace, a file
system and a fault library of its own, all of them the run's and gone with it. Clients (plain ones,
some with leases, some as Kubernetes' API server, one that compacts) and watchers record what they
ask and see, and at the end judges look at this history: that no acknowledged write is lost, no read
lies, and watches tell everything once and in order.

Needs root, or a system whose users may make namespaces; a C compiler (cc) and iproute2.";

const EXAMPLES: &str = "\
Examples:
  robustness chaos                                          one round of all faults
  robustness chaos --duration 2h --members 5 --keep run1    for a night
  robustness chaos --faults power-loss-all,kill-leader      again and again these
  robustness chaos --seed 7 --faults partition              as it was before, as far as time allows
  robustness check run1/history.jsonl                       judges a history again

Ctrl-C ends the faults, and what there is is judged; once more ends at once.
Exit code: 0 all is fine, 1 something was violated or failed, 2 wrong usage, or it
cannot run here.";

/// Nothing was judged.
const UNABLE: u8 = 2;

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT, long_about = ABOUT, after_help = faults_and_examples())]
pub struct Arguments {
    /// Decides traffic and faults; drawn if it is not given. Time is not decided by it, so a run
    /// resembles another of the same seed and is not the same.
    #[arg(long)]
    pub seed: Option<u64>,

    /// How long faults go on (90s, 10m, 2h). Each fault comes at least once, whatever is said here.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub duration: Duration,

    /// Members of the cluster.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    pub members: u8,

    /// Faults to choose from, with commas between them; all if it is not given.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub faults: Vec<Kind>,

    /// Requests a second that all clients make together, about.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,

    /// Where history, report and logs are kept. Else they are kept only if something is wrong.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// The coracle binary; the one beside this program if it is not given.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,

    /// Have members acknowledge before the disk has it. A run with losses of power must then be
    /// found guilty: this proves the judges, not the store.
    #[arg(long)]
    pub unsafe_no_fsync: bool,

    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

impl Arguments {
    pub fn kinds(&self) -> Vec<Kind> {
        if self.faults.is_empty() { Kind::ALL.to_vec() } else { self.faults.clone() }
    }
}

/// Runs chaos, prints its report, and says how it went. Call it while the process has one thread.
pub fn run(arguments: &Arguments) -> ExitCode {
    run_any(arguments).unwrap_or_else(|error| {
        eprintln!("robustness: {error:#}");
        ExitCode::from(UNABLE)
    })
}

fn run_any(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let report = execute(arguments)?;
    match arguments.output {
        Format::Text => println!("{report}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn faults_and_examples() -> String {
    let line = |kind: Kind| format!("  {:<16} {}", kind.name(), kind.about());
    let faults: Vec<String> = Kind::ALL.into_iter().map(line).collect();
    format!("Faults:\n{}\n\n{EXAMPLES}", faults.join("\n"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let hint = || format!("{text:?} is no duration; write 90s, 10m or 2h");
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(hint()),
    };
    let number: u64 = number.parse().map_err(|_| hint())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [("0s", Some(0)), ("90s", Some(90)), ("2h", Some(7200))] {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["", "s", "10", "1d", "-1s", "99999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
