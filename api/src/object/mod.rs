//! Objects as bytes: the stored form, the spliced resourceVersion, the light metadata.
//!
//! A stored object is canonical JSON that begins
//! `{"apiVersion":"…","kind":"…","metadata":{` and holds no resourceVersion: that is the store's
//! revision of the key, known only after the write. Readers splice `"resourceVersion":"N",` in
//! right after the metadata's brace, so answering a GET, LIST or WATCH is copying three slices.
//! The alternative, to store the version and rewrite the value, would cost a second write or a
//! parse per read.

mod encode;
mod light;
mod splice;

pub use encode::{drop_nulls, encode};
pub use light::{Light, LightError, OwnerReference};
pub use splice::{Spliced, splice, splice_offset};
