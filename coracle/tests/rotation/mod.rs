//! Certificates, authorities and revocation change under running members and clusters, under load.

mod asking;
mod members;
mod up;
