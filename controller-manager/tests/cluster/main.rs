//! Every controller against the real API server over an in-memory store, in one process. A stand-in
//! plays kubelet: it makes Pods run, and lets them end.

mod certificates;
mod deployment;
mod endpoints;
mod garbage;
mod harness;
mod namespace;
mod node;
mod replicas;
