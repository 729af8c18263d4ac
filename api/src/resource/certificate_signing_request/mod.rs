//! CertificateSigningRequests: who asks, for which signer, and what came of it.
//!
//! What stands inside a request or a certificate is not looked at here: that takes cryptography,
//! and is the apiserver's part.

mod cells;
mod conditions;
mod signer_name;
mod strategy;

pub use conditions::{APPROVED, DENIED, FAILED, find as condition};
pub use strategy::row;

/// Group and plural, by which the apiserver knows them.
pub const GROUP: &str = "certificates.k8s.io";
pub const PLURAL: &str = "certificatesigningrequests";

/// Signs client certificates of anyone but administrators.
pub const APISERVER_CLIENT: &str = "kubernetes.io/kube-apiserver-client";
/// Signs client certificates of kubelets.
pub const APISERVER_CLIENT_KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
/// Signs serving certificates of kubelets.
pub const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
/// Of an older version of the API, which signed anything; not allowed by this one.
pub const LEGACY_UNKNOWN: &str = "kubernetes.io/legacy-unknown";
