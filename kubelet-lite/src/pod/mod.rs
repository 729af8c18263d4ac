//! Pods: what they ask for (`types`), what there is (`actual`), what to do (`plan`), what to tell
//! (`report`), and the worker that performs it.

pub mod actual;
pub mod backoff;
pub mod env;
pub mod expand;
pub mod field;
pub mod plan;
pub mod qos;
pub mod report;
pub mod services;
pub mod status;
pub mod time;
pub mod types;
pub mod words;
