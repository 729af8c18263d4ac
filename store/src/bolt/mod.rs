//! bbolt's file format, which etcd keeps its data in: read and written, never changed in place.
//!
//! A file is an array of pages. Pages 0 and 1 describe the whole; the newer valid one counts. From
//! it hangs a B+ tree of named buckets, each of which is a B+ tree of its own.
//!
//! ```text
//!   page     id u64, flags u16, count u16, overflow u32, then elements; all little-endian
//!            a page with overflow goes on over the pages behind it
//!   meta     magic, version, page size, root bucket, freelist, page count, txid, FNV-1a of these
//!   branch   (position, key length, page) per child; the key is the first of the child
//!   leaf     (flags, position, key length, value length) per entry
//!   bucket   a leaf's value: root page u64, sequence u64; root 0: a small page follows inline
//! ```
//!
//! [`Reader`] trusts nothing: whatever the bytes are, it answers or fails with the offset of what is
//! wrong. Its time and memory are bounded by the length of the file: every page is visited once, one
//! page per level is held, and levels are limited. [`Writer`] makes a whole file front to back from
//! entries that come in order; what the front must know of the rest, a first run without output
//! finds ([`Plan`]).
//!
//! Rejected: mapping the file (a file that shrinks or a disk that fails would be a signal, not an
//! error), and changing files in place, which is a database.

mod cursor;
mod error;
mod layout;
mod reader;
mod source;
mod writer;

pub(crate) use cursor::{Bucket, Cursor, Value};
pub(crate) use error::BoltError;
pub(crate) use reader::{Reader, is_bolt};
pub(crate) use source::{FileSource, Source};
pub(crate) use writer::{Plan, WriteError, Writer};

#[cfg(test)]
mod bolt_test;
