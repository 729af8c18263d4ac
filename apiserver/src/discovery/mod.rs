//! Discovery: what the server serves, prebuilt as bytes.

mod aggregated;
mod documents;
mod legacy;

pub use documents::{Document, Documents, Found};
