//! What a command is.

use crate::Host;
use crate::failure::Usage;
use crate::flag::{Flag, Flags, Order};

/// The groups under which `--help` tells the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Make,
    Sign,
    Inspect,
    Revoke,
    Serve,
    Cluster,
}

impl Group {
    pub const ALL: [Self; 6] =
        [Self::Make, Self::Sign, Self::Inspect, Self::Revoke, Self::Serve, Self::Cluster];

    pub fn title(self) -> &'static str {
        match self {
            Self::Make => "Make keys, requests and authorities",
            Self::Sign => "Sign",
            Self::Inspect => "Look at what there is",
            Self::Revoke => "Revoke",
            Self::Serve => "Serve",
            Self::Cluster => "Care for the PKI of a cluster",
        }
    }
}

pub(crate) struct Command {
    pub name: &'static str,
    pub group: Group,
    /// One line, without a full stop.
    pub summary: &'static str,
    /// What stands after the name, one way a line.
    pub usage: &'static [&'static str],
    /// The rest of the help: arguments, notes and at least one example.
    pub help: &'static str,
    /// The flags that it honours, `-loglevel` apart.
    pub flags: &'static [Flag],
    pub order: Order,
    pub run: fn(&Call<'_>) -> anyhow::Result<()>,
}

/// One call of a command.
pub(crate) struct Call<'a> {
    pub command: &'static Command,
    pub flags: Flags,
    pub arguments: Vec<String>,
    pub host: &'a Host,
}

impl Call<'_> {
    /// Refuses arguments, for commands that take only flags.
    pub fn no_arguments(&self) -> anyhow::Result<()> {
        match self.arguments.first() {
            None => Ok(()),
            Some(argument) => Err(Usage::error(format!(
                "{} takes no arguments, and {argument:?} is one: see --help",
                self.command.name
            ))),
        }
    }
}
