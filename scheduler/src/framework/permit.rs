//! Pods that a Permit plug-in holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The verdict on a held pod: denied ones carry the plug-in's name and the reason.
type Verdict = Result<(), (&'static str, String)>;

/// Held pods by uid. Plug-ins that hold pods keep a clone to let them go with.
#[derive(Clone, Default)]
pub struct WaitingPods(Arc<Mutex<HashMap<Arc<str>, oneshot::Sender<Verdict>>>>);

/// The binding's end: resolves to the verdict.
pub struct Waiting(pub(crate) oneshot::Receiver<Verdict>);

impl WaitingPods {
    pub fn hold(&self, uid: Arc<str>) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(uid, sender);
        Waiting(receiver)
    }

    /// Returns whether the pod was held.
    pub fn allow(&self, uid: &str) -> bool {
        self.decide(uid, Ok(()))
    }

    /// Returns whether the pod was held.
    pub fn deny(&self, uid: &str, plugin: &'static str, reason: &str) -> bool {
        self.decide(uid, Err((plugin, reason.to_owned())))
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn decide(&self, uid: &str, verdict: Verdict) -> bool {
        self.lock().remove(uid).is_some_and(|sender| sender.send(verdict).is_ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, oneshot::Sender<Verdict>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
