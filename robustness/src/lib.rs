//! Tries to make the store lose a write or tell a lie, and judges what it saw.
//!
//! [`simulation`] runs whole clusters in one thread from a seed; [`chaos`] runs real processes and
//! does to them what happens to machines. Both record a [`history`], which [`check`] judges.

pub mod chaos;
pub mod check;
pub mod history;
pub mod simulation;
pub mod traffic;
