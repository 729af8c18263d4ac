//! A PKI that keeps itself: leaves are renewed at two thirds of their life, authorities roll over,
//! revoked certificates are listed.
//!
//! The files are the truth, and all that there is. Listeners and clients follow them, so a rotation
//! writes and waits, and speaks to no one; a command may do the same as the running cluster would.
//! An authority rolls over in three steps, each of which is one rename:
//!
//! ```text
//!             announce                    switch                       retire
//! settled ─────────────► announced ─────────────────► switched ─────────────────► settled
//! ca.crt: old            ca.crt: old, new             ca.crt: old, new            ca.crt: new
//! ca.key: old            ca.key: old, ca.next.key     ca.key: new
//! ```
//!
//! - *announce*: everybody who reads `ca.crt` comes to trust both, and nothing is signed by the new
//!   one yet. The rename that counts is that of `ca.crt`.
//! - *switch*: `ca.next.key` becomes `ca.key`. What was signed by the old one is issued anew.
//! - *retire*: the old one leaves `ca.crt`. Whoever still shows what it signed is refused.
//!
//! The phase is read from these files, so a process that was killed between any two writes goes on
//! where it was. When a step follows the last one stands beside them ([`Record`]). The key that
//! signs service-account tokens rolls with the cluster's authority, in the same steps: `sa.pub`
//! holds the old and the new one in between.
//!
//! Left to itself, an authority waits for the life of a leaf after each step: then every kubeconfig
//! that knows only the old one has run out, and every leaf that it signed too. Several hosts that
//! share an authority are led by hand, one step on all of them and then the next ([`Pace::ByHand`]).

mod advance;
mod endings;
mod lock;
mod phase;
mod record;
mod revoke;
mod rollover;
#[cfg(test)]
mod rollover_test;
mod round;
mod service_accounts;

pub use advance::advance;
pub use endings::{Ending, endings};
pub(crate) use lock::Lock;
pub use phase::{Next, Phase, Step, next};
pub use record::{Pace, Record};
pub use revoke::{REVOCATION_LISTS, revoke, revoke_serial};
pub use rollover::{Rollover, least_pace};
pub use round::{Round, round};
pub use service_accounts::public_keys;
