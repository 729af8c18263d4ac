//! Revoking, and lists of what is revoked.

pub(crate) mod crl;
pub(crate) mod gencrl;
pub(crate) mod revoke;
