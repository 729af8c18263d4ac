//! Pods whose rules about other pods cannot be understood.

use crate::cluster::PodInfo;
use crate::framework::Rejection;

/// Rejects such a pod: to leave out a rule would place it where it must not run. The API's
/// validation lets none through, so this is for objects that came into the store some other way.
pub(super) fn understood(pod: &PodInfo) -> Result<(), Rejection> {
    match pod.rules.as_ref().and_then(|rules| rules.malformed.as_ref()) {
        Some(error) => Err(Rejection::final_(format!("parsing pod: {error}"))),
        None => Ok(()),
    }
}
