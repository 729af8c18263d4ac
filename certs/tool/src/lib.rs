//! CFSSL's commands over the `certs` library, and the care of a cluster's PKI.
//!
//! ```text
//! arguments ─ flag ─▶ command ─▶ commands/* ─▶ output (JSON on stdout, log lines on stderr)
//!                                   │
//!             request, config ──────┴─▶ sign ─▶ certs::x509
//! ```
//!
//! The commands read and write files and print; what they decide is decided in plain functions
//! that the server behind `certs serve` uses too.

mod authority;
mod bundle;
mod cluster;
mod command;
mod commands;
mod config;
mod database;
mod describe;
mod failure;
mod flag;
mod help;
mod input;
mod json;
mod log;
mod ocsp;
mod output;
mod program;
mod remote;
mod request;
mod revocation;
mod runtime;
mod scan;
mod self_signing;
mod serve;
mod sign;
mod signer;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which program this is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `coracle certs`.
    Certs,
    Cfssl,
    CfsslJson,
}

impl Program {
    /// The program that answers to a name of its own.
    pub fn called(name: &str) -> Option<Self> {
        match name {
            "cfssl" => Some(Self::Cfssl),
            "cfssljson" => Some(Self::CfsslJson),
            _ => None,
        }
    }

    /// How people type it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Certs => "coracle certs",
            Self::Cfssl => "cfssl",
            Self::CfsslJson => "cfssljson",
        }
    }
}

/// What the binary around this program provides.
#[derive(Debug, Default)]
pub struct Host {
    /// Where a cluster of this host lives unless told otherwise.
    pub default_data_dir: Option<PathBuf>,
    /// This host's name as a node of a cluster.
    pub node_name: String,
    /// Under which others reach this host.
    pub address: Option<IpAddr>,
}

/// Runs `program` with the words after its name: 0 done, 1 failed, 2 wrong usage.
pub fn run(program: Program, words: Vec<OsString>, host: &Host) -> ExitCode {
    program::run(program, words, host)
}

/// A command, as shell completion tells it.
pub struct CommandOverview {
    pub name: &'static str,
    pub summary: &'static str,
    pub flags: Vec<FlagOverview>,
}

pub struct FlagOverview {
    pub name: &'static str,
    pub help: &'static str,
    pub takes_value: bool,
}

/// All commands with their flags.
pub fn overview() -> Vec<CommandOverview> {
    let flag = |flag: &flag::Flag| FlagOverview {
        name: flag.name,
        help: flag.help,
        takes_value: flag.kind != flag::Kind::Switch,
    };
    let told = commands::all().map(|command| CommandOverview {
        name: command.name,
        summary: command.summary,
        flags: command.flags.iter().map(flag).collect(),
    });
    told.collect()
}
