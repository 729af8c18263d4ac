//! `/metrics`: upstream's names for what an operator looks at first.

mod process;
mod requests;

pub use requests::{Metrics, RequestLabels};
