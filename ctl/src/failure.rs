//! How commands fail, and with which exit codes.
//!
//! Under `coracle` a failure is 1 and wrong usage 2. As `etcdctl` and `etcdutl` the codes are those
//! that scripts know from there.

use crate::arguments::Called;

/// A mistake in the arguments that the parser cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// What kind of failure it is; every other error is a plain one (1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server could not be talked to, or refused what stock etcdctl counts so.
    Connection,
    /// What was read from standard input is wrong.
    Input,
    /// A valid flag with a value that is not supported.
    Feature,
    /// Ended by the server.
    Interrupted,
    /// A command that was run failed with this code.
    Command(u8),
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Gives an error another exit code.
pub fn kinded(kind: Kind) -> impl Fn(anyhow::Error) -> anyhow::Error {
    move |error| Failure::new(kind, format!("{error:#}")).into()
}

/// Failed, and all has been said on standard error.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub struct Told;

pub fn exit_code(called: Called, error: &anyhow::Error) -> u8 {
    let kind = error.downcast_ref::<Failure>().map(|failure| failure.kind);
    let usage = error.is::<Usage>();
    match (called, kind) {
        (_, Some(Kind::Command(code))) => code,
        (Called::Ctl, Some(Kind::Input | Kind::Feature)) => 2,
        (Called::Ctl, Some(Kind::Connection | Kind::Interrupted)) => 1,
        (Called::Ctl, None) => {
            if usage {
                2
            } else {
                1
            }
        }
        (_, Some(Kind::Connection)) => 2,
        (_, Some(Kind::Input)) => 3,
        (_, Some(Kind::Feature)) => 4,
        (_, Some(Kind::Interrupted)) => 5,
        (_, None) => {
            if usage {
                128
            } else {
                1
            }
        }
    }
}

/// The exit code for a command line that the parser refused. Stock etcdctl counts positional
/// arguments itself (128), leaves flags to its parser (1), and looks at the values of some flags
/// only when it uses them (4).
pub fn parse_exit_code(called: Called, error: &clap::Error) -> u8 {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        Some(ContextValue::Strings(arguments)) => arguments.first().map_or("", String::as_str),
        _ => "",
    };
    const LATE: [&str; 4] = ["--write-out", "--order", "--sort-by", "--consistency"];
    match (called, error.kind()) {
        (_, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => 0,
        (Called::Ctl, _) => 2,
        (_, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) => 0,
        (_, ErrorKind::InvalidValue) if argument.starts_with("--load") => 4,
        (_, ErrorKind::InvalidValue) if LATE.iter().any(|flag| argument.starts_with(flag)) => 4,
        (_, ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand) => 1,
        _ if ["--lease", "--cert", "--key", "--cacert"]
            .iter()
            .any(|flag| argument.starts_with(&format!("{flag} "))) =>
        {
            128
        }
        (_, ErrorKind::ValueValidation) if argument == "<REVISION>" => 1,
        _ if argument.starts_with('-') => 1,
        _ => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse;

    #[test]
    fn wrong_command_lines_have_the_codes_of_etcdctl() {
        for (line, code) in [
            ("get", 128),
            ("get a b c", 128),
            ("lease grant ten", 128),
            ("lease revoke xyz", 128),
            ("get k --frobnicate", 1),
            ("get k --limit ten", 1),
            ("put k v --lease xyz", 128),
            ("get k --cert=", 128),
            ("compaction x", 1),
            ("compaction", 128),
            ("frobnicate", 1),
            ("get k -w xml", 4),
            ("get k --order up", 4),
            ("check perf --load huge", 4),
            ("lease", 0),
            ("--help", 0),
        ] {
            let words = std::iter::once("etcdctl").chain(line.split(' ')).map(Into::into);
            let error = parse(Called::Etcdctl, words.collect()).expect_err(line);
            assert_eq!(parse_exit_code(Called::Etcdctl, &error), code, "{line}: {error}");
        }
    }

    #[test]
    fn failures_have_the_codes_of_etcdctl() {
        let errors: [(anyhow::Error, u8, u8); 5] = [
            (Usage("wrong".to_owned()).into(), 128, 2),
            (anyhow::anyhow!("refused"), 1, 1),
            (Failure::new(Kind::Input, "wrong").into(), 3, 2),
            (Failure::new(Kind::Command(7), "exit status 7").into(), 7, 7),
            (Failure::new(Kind::Interrupted, "over").into(), 5, 1),
        ];
        for (error, etcdctl, ctl) in errors {
            assert_eq!(exit_code(Called::Etcdctl, &error), etcdctl, "{error}");
            assert_eq!(exit_code(Called::Ctl, &error), ctl, "{error}");
        }
    }
}
