//! Pods: what they ask for (`types`), what there is (`actual`), what to do (`plan`), what to tell
//! (`report`), and the worker that performs it.

pub mod actual;
pub mod backoff;
mod configure;
mod credentials;
pub mod env;
pub mod expand;
pub mod field;
pub mod handle;
pub mod plan;
pub mod publish;
pub mod qos;
pub mod references;
pub mod report;
mod sandbox;
pub mod security;
pub mod service_cache;
pub mod services;
pub mod shared;
mod start;
pub mod status;
mod stop;
pub mod termination;
pub mod time;
pub mod types;
pub mod words;
pub mod worker;
