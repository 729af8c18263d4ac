//! Scanning a TLS listener: whether it is reached, and whether its certificates hold.
//!
//! Of CFSSL's families those are here whose scans say something about certificates. What probes a
//! server's ciphers, curves and session tickets is a tool's of its own.

mod chain;
mod command;
mod families;
mod report;

pub(crate) use command::COMMAND;
pub(crate) use families::{Scan, describe};
