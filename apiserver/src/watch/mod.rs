//! WATCH: JSON lines from the cache's ring of changes.
//!
//! A watch owns no queue. It sleeps until its resource's cache says that something changed, copies
//! the new changes from the ring, and hands out frames that were encoded once for everybody. If the
//! ring has overtaken it, or the server stops, it ends; the client comes back with the version it
//! last saw.

mod events;
mod render;
mod stream;

pub use render::Renderer;
pub use stream::{WatchStream, body};
