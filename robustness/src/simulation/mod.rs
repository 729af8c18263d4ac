//! A whole cluster in one thread, from one seed.
//!
//! ```text
//!            ┌ member: runtime ┐ ┌ member ┐ ┌ member ┐   each with a clock and a disk of its own
//!  clients ──┤ the store as it │ │        │ │        │
//!            │ is in production│ │        │ │        │
//!            └───────▲─────────┘ └───▲────┘ └───▲────┘
//!                    └─────── wires ─┴──────────┘        messages due, in order
//!  faults ──► members, disks, clocks, wires               invariants looked at after every step
//! ```
//!
//! What runs is the product's code: the store with openraft and tokio, over an injected disk and
//! network. Each member has a tokio runtime of its own whose clock stands still but for the steps
//! that [`world`] makes, so a crash is the end of that runtime, a slow clock a shorter step, and a
//! process that stands still no step at all. Chance and time of the process come from the seed
//! ([`host`]), hence a run repeats to the letter; each run has a process of its own ([`fleet`]).
//!
//! First comes the storm, in which everything goes wrong that the seed asks for; safety is checked
//! all along ([`invariants`]). Then faults stop, and the cluster must serve within a bound
//! ([`calm`]). At the end the clients' history is judged ([`crate::check`]).
//!
//! Not simulated: sockets and gRPC (chaos with real processes has them), and the write-behind home,
//! which is disposable and lives in threads of its own.

mod calm;
mod chance;
mod clients;
mod command;
mod disk;
mod faults;
mod fleet;
mod host;
mod invariants;
mod line;
mod member;
mod network;
mod storm;
mod votes;
mod watchers;
mod world;

pub use chance::Chance;
pub use command::{Arguments, run};
