//! `/metrics`: upstream's names for what an operator looks at first.

mod classic;
mod process;
mod requests;

pub use classic::CONTENT_TYPE as METRICS_CONTENT_TYPE;
pub use requests::{Metrics, RequestLabels};
