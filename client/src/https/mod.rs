//! A kube client over https, as a kubeconfig says: for components that run elsewhere than the API.
//!
//! `kubeconfig` reads the file, `service` is the connection. Certificates that the file names are
//! taken up when they change; connections that were made with the former ones are then left to end.

mod kubeconfig;
mod service;

pub use kubeconfig::{Credentials, Kubeconfig, KubeconfigError};
pub use service::client;
