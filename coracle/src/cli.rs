//! The command line of `coracle`.

use clap::{Parser, Subcommand};

use crate::logging::LogOptions;
use crate::{completion, image, up, version};

/// A whole Kubernetes cluster in one binary.
///
/// `coracle up` starts a cluster in this process: an etcd-compatible store, the API, controllers,
/// the scheduler and a node that runs real containers. Point kubectl at it with the `export
/// KUBECONFIG=…` line that it prints.
#[derive(Debug, Parser)]
#[command(name = "coracle", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub log: LogOptions,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a cluster in this process and run it until Ctrl-C
    Up(up::Options),
    /// Read, write and back up the store, as etcdctl and etcdutl do
    Ctl(Box<ctl::Arguments>),
    /// Import, list and remove the container images of the node
    Image(image::Arguments),
    /// Print a completion script for a shell
    Completion(completion::Arguments),
    /// Print the version of this binary and of the APIs that it serves
    Version(version::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
