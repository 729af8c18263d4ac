//! What clients did and saw, as lines that anyone can judge.
//!
//! A history is a sequence of [`Line`]s in the order in which they happened, as one observer saw
//! them: a request's invocation stands before its return, and two requests overlapped if neither's
//! return stands before the other's invocation. On disk each line is one JSON object, so that an
//! outside checker can read it; README.md beside this file documents them. Keys and values are text
//! here, and every value that is ever put is unique within its history, so that a write whose
//! outcome is unknown can be recognised wherever it shows.

mod file;
#[cfg(test)]
mod file_test;
mod line;
mod recorder;
#[cfg(test)]
mod strategies;

pub use file::{FileError, read, write};
pub use line::*;
pub use recorder::{Recorder, WatchStart};
#[cfg(test)]
pub(crate) use strategies::any_line;
