//! What happens to every request before and after its handler.
//!
//! panic → request info → authentication → impersonation → authorization → body limit → time limit
//! → handler → warnings → metrics. One function runs the steps in order, instead of a tower of
//! layers, because the order is the contract and should be readable in one place.

mod authz;
mod body;
mod deadline;
mod handle;
mod impersonation;
mod request_info;
mod warnings;

pub use authz::{Attributes, Authorizer, BuiltinAuthorizer};
pub use handle::handle;
pub use request_info::{Path, ResourcePath};
