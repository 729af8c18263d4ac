//! Which program the binary is, by the name that it was called by.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::snapshots::StoreSnapshots;
use crate::{completion, exit, image, kubelet, logging, store, token, up, version};

/// Upstream programs that this binary will answer for, but does not yet.
const NOT_YET: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Runs the program that `arguments[0]` names: `etcd`, `ctl`, `etcdctl`, `etcdutl`, `kubelet`, `cfssl` or
/// `cfssljson` by those names, else `coracle` itself.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let name = arguments.first().map(called_name).unwrap_or_default();
    if let Some(name) = ctl::NAMES.into_iter().find(|known| *known == name) {
        return match ctl::parse(name, arguments) {
            Ok(arguments) => run_ctl(arguments),
            Err(error) => ctl::refuse(name, &error),
        };
    }
    if name == "etcd" {
        return store::run(store::Persona::Etcd, arguments.into_iter().skip(1).collect());
    }
    if let Some(program) = certs_tool::Program::called(&name) {
        return run_certs(program, arguments.into_iter().skip(1).collect());
    }
    // The flags of `certs` and `store` are CFSSL's and etcd's, in Go's grammar.
    if arguments.get(1).is_some_and(|command| command == "certs") {
        return run_certs(certs_tool::Program::Certs, arguments.into_iter().skip(2).collect());
    }
    if arguments.get(1).is_some_and(|command| command == "store") {
        return store::run(store::Persona::Coracle, arguments.into_iter().skip(2).collect());
    }
    if (name == "kubelet" || arguments.get(1).is_some_and(|command| command == "kubelet"))
        && let Err(refusal) = kubelet::refuse_unsupported(&arguments)
    {
        return exit::of_result(Err(refusal.into()));
    }
    if name == "kubelet" {
        return run_kubelet(arguments);
    }
    if NOT_YET.contains(&name.as_str()) {
        eprintln!(
            "error: called as {name:?}, but this build does not stand in for {name} yet; \
             `coracle up` runs the whole cluster in one process"
        );
        return exit::usage();
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return exit::of_usage(&error),
    };
    dispatch(cli)
}

fn dispatch(cli: Cli) -> ExitCode {
    logging::start(&cli.log);
    let result = match cli.command {
        Command::Up(options) => up::run(options),
        // Reached with options before the command, which are not etcd's.
        Command::Store(_) => Err(exit::Usage(
            "options of `coracle store` stand after `store`: it has etcd's, --log-level and \
             --log-format too"
                .to_owned(),
        )
        .into()),
        Command::Certs(_) => Err(exit::Usage(
            "options of `coracle certs` stand after its command: it has CFSSL's, -loglevel among \
             them"
                .to_owned(),
        )
        .into()),
        Command::Ctl(arguments) => return run_ctl(*arguments),
        Command::Kubelet(options) => kubelet::run(&options),
        Command::Token(arguments) => token::run(&arguments),
        Command::Image(arguments) => image::run(arguments),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Version(arguments) => version::run(&arguments),
    };
    exit::of_result(result)
}

fn run_kubelet(arguments: Vec<OsString>) -> ExitCode {
    match kubelet::Cli::try_parse_from(arguments) {
        Ok(cli) => {
            logging::start(&cli.log);
            exit::of_result(kubelet::run(&cli.options))
        }
        Err(error) => exit::of_usage(&error),
    }
}

fn run_certs(program: certs_tool::Program, words: Vec<OsString>) -> ExitCode {
    let host = certs_tool::Host {
        default_data_dir: up::default_data_dir().ok(),
        node_name: up::host_name(),
        address: Some(up::advertised_address(std::net::Ipv4Addr::UNSPECIFIED.into())),
    };
    certs_tool::run(program, words, &host)
}

fn run_ctl(arguments: ctl::Arguments) -> ExitCode {
    let default_data_dir = up::default_data_dir().ok();
    ctl::run(arguments, &ctl::Host { snapshots: &StoreSnapshots, default_data_dir })
}

/// The file name of the path that the program was called by.
fn called_name(path: &OsString) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::called_name;

    #[test]
    fn the_directory_does_not_matter() {
        assert_eq!(called_name(&"/usr/local/bin/etcdctl".into()), "etcdctl");
        assert_eq!(called_name(&"coracle".into()), "coracle");
    }
}
