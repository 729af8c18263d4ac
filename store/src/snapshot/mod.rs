//! Snapshots: the whole state as one value.

mod image;

pub use image::Image;
