//! What CFSSL calls a CSR JSON: who wants a certificate, with which key, under which names.

mod name;
mod spec;

pub(crate) use name::{NameEntry, subject};
pub(crate) use spec::{RequestSpec, read_duration, read_path_len};
