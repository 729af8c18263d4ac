//! The PKI of a cluster: certificate authorities, the leaves that they sign, and the files that
//! hold them, laid out as kubeadm does.
//!
//! ```text
//! <data-dir>/pki
//! ├── ca.{crt,key}                        signs what talks to or listens as the API
//! │   ├── apiserver                       server, names and addresses of this host
//! │   ├── apiserver-kubelet-client        client, kubeadm:cluster-admins
//! │   └── kubelet-server                  server, system:nodes
//! ├── front-proxy-ca.{crt,key}
//! │   └── front-proxy-client              client
//! ├── etcd/ca.{crt,key}                   signs what talks to or listens as the store
//! │   ├── etcd/server, etcd/peer          server and client
//! │   ├── etcd/healthcheck-client         client
//! │   └── apiserver-etcd-client           client
//! └── sa.{key,pub}                        signs service-account tokens
//! ```
//!
//! Keys are ECDSA P-256 unless told otherwise. An authority, once there, is never replaced: what
//! cannot be read or does not fit is an error that names the file. A leaf is an output: it is issued
//! anew when it is missing, past two thirds of its life, signed by another authority or lacks a name
//! that it needs; where the authority's key is elsewhere, it is asked for by a request instead.

mod authority;
mod clients;
pub mod cluster;
mod error;
mod files;
mod from_files;
#[cfg(test)]
mod from_files_test;
mod kubeconfig;
mod leaf;
mod live;
mod protocol;
pub mod rotation;
mod self_signed;
mod tls;
mod watched;
pub mod x509;

pub use authority::Authority;
pub use clients::{Allowed, common_name};
pub use cluster::{ClusterPki, HostNames};
pub use error::Error;
pub use files::{Pair, write_private, write_public};
pub use from_files::{Authorities, ClientConfigFiles, ClientFiles, PairFiles, ServerFiles, Trust};
pub use kubeconfig::{Credentials, Embedded, Kubeconfig, kubeconfig};
pub use leaf::{Leaf, Usage};
pub use live::{LiveClient, LiveServer, RevocationFile, Revocations, Revoked};
pub use protocol::{Protocol, TlsVersion};
pub use self_signed::self_signed;
pub use tls::{ClientAuth, client_config, server_config};
pub use x509::AlternativeNames;
