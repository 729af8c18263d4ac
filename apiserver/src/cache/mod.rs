//! What the apiserver reads from: every resource's objects, as the store's own bytes plus a light
//! index, with a window of recent changes.
//!
//! Ownership: one task (the feed) follows the whole store with a single watch and is the only
//! writer of every [`ResourceCache`]. Following everything, not one prefix per resource, means that
//! the feed learns of every revision without asking for progress, so a consistent read is "wait
//! until the feed has passed the store's revision".
//!
//! Ordering: a revision's changes are applied to all caches before the feed announces it. Within
//! one cache the objects and the ring change together under its lock, so a snapshot plus a cursor
//! neither misses nor repeats an event.
//!
//! The rejected alternative is a decoded object per entry, as upstream's watch cache keeps: five to
//! seven times the memory, and an encoding per read.

mod change;
mod entry;
mod feed;
mod resource_cache;
mod ring;

pub use change::{Change, ChangeType, frame};
pub use entry::Entry;
pub use feed::{Feed, FeedError};
pub use resource_cache::{Objects, ResourceCache, Snapshot};
pub use ring::{Cursor, Lagged};
