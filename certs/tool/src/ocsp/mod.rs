//! OCSP: signing answers by hand, keeping them in the database, serving them.

pub(crate) mod dump;
pub(crate) mod refresh;
mod responder_files;
pub(crate) mod serve;
mod server;
pub(crate) mod sign;
mod source;

pub(crate) use responder_files::ResponderFiles;
pub(crate) use source::{hex, hour};
