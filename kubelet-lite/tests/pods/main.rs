//! The kubelet against the real apiserver over the store in memory, as one process.

mod cluster;
mod files;
mod lifecycle;
mod logs;
mod node;
mod real;
mod recorder;
