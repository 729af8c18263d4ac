//! Discovery: what the server serves, prebuilt as bytes.

mod aggregated;
mod documents;
mod legacy;

pub use documents::{Document, Documents, Found};

use api::resource::Resource;

/// The versions of a group, in order of preference, each with its resources.
type Versions<'a> = Vec<(&'a str, Vec<&'a Resource>)>;
