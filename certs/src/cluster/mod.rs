//! The PKI of one control plane, laid out as kubeadm does: a table of what there is
//! ([`leaves`]), what is wrong with what is on disk ([`Condition`]), and [`ClusterPki::ensure`],
//! which makes the directory whole.
//!
//! An authority's file may be a [`Bundle`]: an intermediate with what stands above it, or two
//! authorities while one takes the other's place. An authority without its key is managed
//! elsewhere: then leaves are used as they are, and what is missing is asked for by requests.

mod authorities;
mod authority;
mod bundle;
mod condition;
mod ensure;
#[cfg(test)]
mod ensure_test;
mod files;
mod host;
mod key_algorithm;
pub mod leaves;
mod settings;

pub use authorities::AuthorityKind;
pub use authority::ClusterAuthority;
pub use bundle::Bundle;
pub use condition::{Condition, validity_of_pem};
pub use ensure::{ClusterPki, examine, issue};
pub use host::HostNames;
pub use key_algorithm::KeyAlgorithm;
pub use leaves::{LEAVES, LeafSpec, Place};
pub use settings::{Settings, Validity};
