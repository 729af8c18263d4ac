//! Images: where they are kept, how they come in, how they become a root file system.
//!
//! The store is a folder that two processes may share (a running node and `image import`):
//!
//! ```text
//! index.json             references → manifest, config, layers; replaced by a rename
//! blobs/sha256/<hex>     manifests, configs and layers as they came
//! layers/<hex>/fs        one unpacked layer, named by its diffID, whiteouts as overlayfs has them
//! layers/<hex>/users/    one empty file per root file system that is mounted over it
//! tmp/<pid>.<n>/         what is not complete yet
//! lock                   held by whoever changes the index or removes content
//! ```
//!
//! Nothing appears under its final name before it is complete and its digest verified, so a crash
//! leaves rubbish in `tmp/` at worst, which the next change sweeps up.
//!
//! A layer is unpacked once and shared by all images that have it. The alternative, a flat copy per
//! image, needs no whiteouts but costs each image its base again.

mod archive;
mod builtin;
mod config;
mod error;
mod layer;
mod pull;
mod reference;
mod store;
mod tar_entry;

pub use archive::Progress;
pub use builtin::{HELLO, HELLO_REFERENCE};
pub use config::ImageConfig;
pub use error::Error;
pub use layer::{Whiteouts, unpack as unpack_layer};
pub use pull::{Credentials, pull};
pub use reference::{Reference, ReferenceError};
pub use store::{ImageRecord, Store};
