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
#[cfg(test)]
mod bundle_test;
mod certificate_key;
mod condition;
mod ensure;
#[cfg(test)]
mod ensure_test;
mod expiration;
mod files;
mod host;
mod key_algorithm;
mod kubeconfigs;
mod layout;
mod leaf_files;
pub mod leaves;
#[cfg(test)]
mod leaves_test;
#[cfg(test)]
mod own_authority_test;
mod plan;
mod renew;
#[cfg(test)]
mod renew_test;
mod request;
mod requests;
mod settings;
mod template;

pub use authorities::AuthorityKind;
pub use authority::ClusterAuthority;
pub(crate) use authority::found;
pub use bundle::Bundle;
pub use certificate_key::certificate_key;
pub use condition::{Condition, validity_of_pem};
pub use ensure::ClusterPki;
pub use expiration::{Expiration, Expirations, expirations};
pub(crate) use files::{new_key, parse_key};
pub use host::HostNames;
pub use key_algorithm::key_algorithm;
pub use layout::{Layout, kubeconfig_path};
pub use leaf_files::{examine, issue};
pub use leaves::{LEAVES, LeafSpec, Place};
pub use renew::{Renewal, RenewalOptions, renew, write_renewal_request};
pub use request::{Unsigned, UnsignedList};
pub use requests::write_all_requests;
pub use settings::{Settings, Validity};
