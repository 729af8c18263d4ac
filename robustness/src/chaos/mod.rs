//! Chaos: real members, real faults, recorded clients.
//!
//! | room | what it does |
//! |---|---|
//! | [`sandbox`] | namespaces of the run's own |
//! | [`network`] | a namespace for each member, and cuts |
//! | [`disk`] | a file system for each member that can be full, fail and forget |
//! | [`cluster`] | members as processes, certificates, health |
//! | [`clients`] | load, watchers, and the history of both |
//! | [`faults`] | what happens, one file each |
//! | [`execute`] | one run, and its [`report`] |

pub mod clients;
pub mod cluster;
mod command;
pub mod disk;
mod ending;
pub mod execute;
pub mod faults;
pub mod network;
mod outages;
pub mod report;
pub mod sandbox;

pub use command::{Arguments, Format, run};
pub use report::Report;
