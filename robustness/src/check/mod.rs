//! Judges histories: linearizability and watches.
//!
//! Pure and synchronous. [`check`] takes a history apart (`facts`), gathers what it shows of each
//! revision (`evidence`), finds the one sequence of changes that explains it and replays that
//! through a model of etcd (`revisions`, `model`), and compares every answer with it: reads and
//! writes there, then compactions, leases and watches. Short histories are also searched for an
//! order of their operations (`search`), which trusts none of that.

#[cfg(test)]
mod answers_test;
mod claims;
mod command;
mod compactions;
mod evidence;
mod facts;
#[cfg(test)]
mod faults_test;
mod judge;
#[cfg(test)]
mod judge_test;
mod leases;
mod model;
mod options;
mod revisions;
mod search;
#[cfg(test)]
mod stories_test;
#[cfg(test)]
mod testing;
mod verdict;
mod watches;

pub use command::{Arguments, run};
pub use judge::check;
pub use options::Options;
pub use verdict::{Kind, Search, Verdict, Violation};
