//! What clients did and saw, as lines that anyone can judge.
//!
//! A history is a sequence of [`Line`]s in the order in which they happened, as one observer saw them: a
//! request's invocation stands before its return, and two requests overlapped if neither's return stands
//! before the other's invocation. On disk each line is one JSON object, so that an outside checker can read
//! it. Keys and values are text here, and every value that is ever put is unique within its history, so that
//! a write whose outcome is unknown can be recognised wherever it shows.

mod line;

pub use line::*;
