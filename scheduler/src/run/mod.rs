//! The scheduler at work: feeds cluster and queue, performs what is decided.

mod bind;
mod core;
#[cfg(test)]
mod core_test;
mod feed;
mod report;
mod service;

pub use service::{Config, run};
