//! The node agent: runs the pods that are bound to its node.

pub mod certificate;
pub mod config;
pub mod containers;
pub mod image;
pub mod kubelet;
pub mod layout;
pub mod lifecycle;
pub mod logs;
pub mod node;
pub mod pod;
pub mod probe;
pub mod rest;
pub mod runtime;
pub mod server;
pub mod volume;

pub use config::{ClusterDns, KubeletConfig};
pub use kubelet::{Kubelet, NodeHandle};
pub use runtime::RuntimeKind;
pub use server::{KubeletServer, Nodes};
