//! Probes: what they find (`state`) and how they look (`act`, `run`).

pub mod state;
