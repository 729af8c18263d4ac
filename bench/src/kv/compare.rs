//! Ours and a real etcd in turn: same disk, same durability, same certificates, same rows.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use super::figures::{self, Figures};
use super::row::Measured;
use super::servers::{Cluster, Pki, Program};
use super::{Selection, drive, table};

#[derive(Args)]
pub struct Options {
    /// The real etcd (`bench/peers/build etcd` makes one)
    #[arg(long, default_value = "target/peers/etcd", value_name = "FILE")]
    etcd: PathBuf,
    /// Members of each cluster
    #[arg(long, default_value_t = 1)]
    members: usize,
    /// Runs of each server; medians are told
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// Without TLS
    #[arg(long)]
    plain: bool,
    /// Where the data goes: the disk that is measured
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    dir: PathBuf,
    /// Rows only: not the start, idle and memory figures
    #[arg(long)]
    no_figures: bool,
    /// A bare member in place of the binary's
    #[arg(long, hide = true)]
    bare: bool,
    #[command(flatten)]
    selection: Selection,
}

/// One server's runs.
#[derive(Default, serde::Serialize)]
pub struct Side {
    /// Medians, row by row.
    pub rows: Vec<Measured>,
    pub figures: Option<Figures>,
}

pub async fn run(ours: &std::path::Path, options: &Options) -> anyhow::Result<()> {
    let etcd = std::path::absolute(&options.etcd)?;
    ensure!(etcd.is_file(), "{} is missing: bench/peers/build etcd", etcd.display());
    std::fs::create_dir_all(&options.dir)?;
    let dir = tempfile::Builder::new().prefix("compare-").tempdir_in(&options.dir)?;
    let pki = if options.plain { None } else { Some(Pki::create(&dir.path().join("pki"))?) };
    let (binary, leading) = match options.bare {
        false => (ours.to_owned(), vec!["store"]),
        true => (std::env::current_exe()?, vec!["serve"]),
    };
    let programs = [
        Program { name: "coracle", binary, leading, own: vec![] },
        Program {
            name: "etcd",
            binary: etcd,
            leading: vec![],
            own: vec!["--log-level=warn".into(), "--quota-backend-bytes=8589934592".into()],
        },
    ];
    let rows = options.selection.rows()?;
    let mut runs: [Vec<Vec<Measured>>; 2] = Default::default();
    for repeat in 0..options.repeats {
        for (program, runs) in programs.iter().zip(&mut runs) {
            eprintln!("{}, run {} of {}", program.name, repeat + 1, options.repeats);
            let cluster =
                Cluster::start(program, options.members, pki.as_ref(), dir.path()).await?;
            runs.push(drive(&cluster.endpoints, &cluster.pids(), &rows, true).await?);
        }
    }
    let [mut coracle, mut etcd] = runs.map(|runs| Side { rows: medians(&runs), figures: None });
    if !options.no_figures {
        for (program, side) in programs.iter().zip([&mut coracle, &mut etcd]) {
            eprintln!("{}: start, idle, memory", program.name);
            let members = options.members;
            let figures = figures::measure(program, members, pki.as_ref(), dir.path()).await?;
            side.figures = Some(figures);
        }
    }
    table::compared(options.selection.output, &coracle, &etcd)
}

/// The median of each figure over the runs.
fn medians(runs: &[Vec<Measured>]) -> Vec<Measured> {
    let rows = runs.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| {
            let of = |figure: &dyn Fn(&Measured) -> f64| {
                let mut values: Vec<f64> = runs.iter().map(|run| figure(&run[row])).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            Measured {
                row: runs[0][row].row.clone(),
                per_second: of(&|run| run.per_second),
                p50: of(&|run| run.p50),
                p90: of(&|run| run.p90),
                p99: of(&|run| run.p99),
                max: of(&|run| run.max),
                cpu_per_1000: Some(of(&|run| run.cpu_per_1000.unwrap_or_default())),
                peak_mib: Some(of(&|run| run.peak_mib.unwrap_or_default())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let run = |per_second, p99| Measured {
            row: "a".into(),
            per_second,
            p50: 0.0,
            p90: 0.0,
            p99,
            max: 0.0,
            cpu_per_1000: None,
            peak_mib: Some(per_second),
        };
        let runs = [vec![run(3.0, 1.0)], vec![run(1.0, 9.0)], vec![run(2.0, 5.0)]];
        let median = medians(&runs).remove(0);
        assert_eq!((median.per_second, median.p99, median.peak_mib), (2.0, 5.0, Some(2.0)));
    }
}
