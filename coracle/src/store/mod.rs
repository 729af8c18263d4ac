//! `coracle store`, and the program called `etcd`: one member of a store, set up by etcd's flags,
//! environment and configuration file.
//!
//! ```text
//! arguments ─┐
//! ETCD_* ────┼─ sources ── settings ── member: sockets, certificates, data, listeners
//! YAML ──────┘  (one table of flags)   (all pure up to here)
//! ```

mod bind;
mod completion;
mod config_file;
mod flags;
mod help;
mod log;
mod member;
mod notify;
mod peer_address;
mod reader;
mod run;
mod security;
mod settings;
#[cfg(test)]
mod settings_test;
mod sources;
mod tls;
mod urls;

pub use completion::command;
pub use run::run;
pub use settings::Persona;
