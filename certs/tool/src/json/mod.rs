//! Reads JSON as Go does, and says where something is wrong: file, line, column and field.
//!
//! As in Go, names of fields match whatever their case, null is as if the field were absent, and
//! unknown fields are no error; here they are told in a warning. serde's derived readers do none of
//! the three and know no path, so a document is read into a value first and walked by [`Node`].

mod error;
mod locate;
mod node;

pub(crate) use error::Error;
pub(crate) use node::{Document, Node};
