//! `coracle token`: bootstrap tokens, as `kubeadm token` has them.

mod arguments;
mod run;
mod secret;

pub use arguments::Arguments;
pub use run::run;
