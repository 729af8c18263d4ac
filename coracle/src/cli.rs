//! The command line of `coracle`.

use clap::{Parser, Subcommand};

use crate::logging::LogOptions;
use crate::{completion, image, kubelet, token, up, version};

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
    ///
    /// Prints `ready in …` and an `export KUBECONFIG=…` line once kubectl can use it. The data
    /// directory keeps everything: the same directory brings the same cluster back.
    Up(up::Options),
    /// Run one member of the store alone, with etcd's flags
    ///
    /// Also under the name `etcd`, by a link to this binary. `coracle store --help` tells every flag.
    #[command(disable_help_flag = true)]
    Store(StoreArguments),
    /// Read, write and back up the store, as etcdctl and etcdutl do
    ///
    /// Without `--endpoints` the running cluster of this host is used, with its certificates: the
    /// one of `--cluster-dir`, of $CORACLE_DATA_DIR, beside $KUBECONFIG, or in the default data
    /// directory.
    Ctl(Box<ctl::Arguments>),
    /// Run one node alone, which joins a cluster
    ///
    /// Also under the name `kubelet`. With a bootstrap token in the bootstrap kubeconfig it asks the
    /// cluster for its certificates, and renews them; started again it goes on with what it has.
    Kubelet(Box<kubelet::Options>),
    /// Make, sign, inspect, revoke and serve certificates, as CFSSL does
    ///
    /// Also under the names `cfssl` and `cfssljson`, by a link to this binary. `coracle certs --help`
    /// lists the commands, `coracle certs COMMAND --help` tells one.
    #[command(disable_help_flag = true)]
    Certs(CertsArguments),
    /// Make, list and remove the tokens by which nodes join
    Token(token::Arguments),
    /// Import, list and remove the container images of the node
    ///
    /// Works on the data directory, whether its cluster runs, has run, or is still to be started.
    Image(image::Arguments),
    /// Print a completion script for a shell
    ///
    /// For bash: `source <(coracle completion bash)`.
    Completion(completion::Arguments),
    /// Print the version of this binary and of the APIs that it serves
    Version(version::Arguments),
}

/// What stands after `store` is read by [`crate::store`], in the grammar of etcd's flags.
#[derive(Debug, clap::Args)]
pub struct StoreArguments {
    #[arg(value_name = "FLAGS", trailing_var_arg = true, allow_hyphen_values = true)]
    _flags: Vec<std::ffi::OsString>,
}

/// What stands after `certs` is read by the crate `certs-tool`, in the grammar of CFSSL's flags.
#[derive(Debug, clap::Args)]
pub struct CertsArguments {
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<std::ffi::OsString>,
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
