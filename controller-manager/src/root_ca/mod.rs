//! ConfigMap `kube-root-ca.crt` in each namespace: what Pods verify the API server with.

mod controller;
mod plan;

pub use controller::{NAME, run};
