//! Subresources that are more than a view of the object.

mod binding;
mod eviction;
mod scale;

pub use binding::bind;
pub use eviction::eviction_options;
pub use scale::{scale_of, set_replicas};
