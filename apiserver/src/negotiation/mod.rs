//! Media types: what a client accepts, what its body is in.

mod accept;
mod content_type;

pub use accept::{Accept, Form};
pub use content_type::{PatchType, body_format};
