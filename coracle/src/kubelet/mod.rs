//! `coracle kubelet`, and the program called `kubelet`: one node alone, which joins a cluster and
//! keeps its own certificates.

mod options;
mod run;
mod unsupported;

use clap::Parser;

use crate::logging::LogOptions;

pub use self::options::Options;
pub use self::run::run;
pub use self::unsupported::refuse as refuse_unsupported;

/// The command line under the name `kubelet`.
#[derive(Debug, Parser)]
#[command(name = "kubelet", version, about = "Run one node, which joins a cluster")]
pub struct Cli {
    #[command(flatten)]
    pub log: LogOptions,
    #[command(flatten)]
    pub options: Options,
}
