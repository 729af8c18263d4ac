//! Clients that mean ill, or do not know better: what they take of a member is bounded, and others
//! are served meanwhile.

mod floods;
mod leases;
mod raw;
mod readers;
mod silence;
mod target;
