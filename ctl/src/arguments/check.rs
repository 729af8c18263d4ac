//! `check …`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Check {
    /// Write for a minute at a set rate, and tell whether the cluster keeps up
    Perf(Workload<Perf>),
    /// Write many keys, and tell how much memory they take
    Datascale(Workload<Datascale>),
}

#[derive(Debug, Args)]
pub struct Workload<P: Args> {
    /// How much is written by how many clients
    #[arg(long, value_enum, default_value_t = Load::S)]
    pub load: Load,
    #[command(flatten)]
    pub place: P,
    /// Compact up to the last revision afterwards
    #[arg(long)]
    pub auto_compact: bool,
    /// Defragment the endpoints afterwards
    #[arg(long)]
    pub auto_defrag: bool,
}

#[derive(Debug, Args)]
pub struct Perf {
    /// What the keys that are written begin with
    #[arg(long, default_value = "/etcdctl-check-perf/")]
    pub prefix: String,
}

#[derive(Debug, Args)]
pub struct Datascale {
    /// What the keys that are written begin with
    #[arg(long, default_value = "/etcdctl-check-datascale/")]
    pub prefix: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Load {
    #[value(alias = "small")]
    S,
    #[value(alias = "medium")]
    M,
    #[value(alias = "large")]
    L,
    #[value(alias = "xLarge")]
    Xl,
}
