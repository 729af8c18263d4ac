//! etcd's own snapshot: its whole database file, as etcd 3.4 to 3.7 write it.
//!
//! ```text
//!   alarm                 AlarmMember -> nothing
//!   auth                  authEnabled, authRevision
//!   authRoles, authUsers  name -> Role, User
//!   cluster               clusterVersion (3.5 and later)
//!   key                   revision -> KeyValue; a tombstone's revision is marked and holds a key
//!   lease                 id -> Lease
//!   members               id -> Member, in JSON
//!   meta                  consistent_index, term, scheduledCompactRev, finishedCompactRev,
//!                         storageVersion (3.6 and later)
//!   sha256 of the above   32 bytes; missing in a file copied from a data directory
//! ```
//!
//! Nothing of a state is lost on the way out and back but the order of changes of one revision that
//! compaction has passed, which nobody can ask for.

mod auth;
mod export;
mod file;
mod hash;
mod import;
mod messages;
mod record;
mod scan;

pub(super) use export::Export;
pub(super) use file::{DatabaseFile, HashCheck};
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use hash::hash_kv;
pub(super) use import::import;
use import::{ImportError, Imported};
use scan::Scan;
pub(super) use scan::scan;
