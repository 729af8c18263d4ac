//! `pods/log`: the kubelet of the pod's node has the logs; the apiserver passes them through.

mod container;
mod kubelet;
mod serve;

pub use kubelet::KubeletClient;
pub use serve::serve;
