//! `metav1.Status`: how every refusal reaches a client.
//!
//! Clients match reasons, codes and often the text itself, so the wording lives here, once, as
//! upstream has it. A refusal is data: handlers return `Result<_, Status>` and one place turns it
//! into a response.

mod refusals;
mod types;

pub use refusals::{ResourceName, Target};
pub use types::{Cause, Details, Reason, Status};
