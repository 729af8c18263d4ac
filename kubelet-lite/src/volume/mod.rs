//! Volumes: what pods name (`spec`).

pub mod spec;
