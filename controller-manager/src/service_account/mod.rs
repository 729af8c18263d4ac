//! ServiceAccount `default` in each namespace, which Pods run as unless told otherwise.

mod controller;

pub use controller::{NAME, run};
