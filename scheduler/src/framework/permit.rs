//! Pods that Permit plug-ins hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The verdict on a held pod: a denial carries the reason.
type Verdict = Result<(), String>;

type Holds = HashMap<Arc<str>, Vec<(&'static str, oneshot::Sender<Verdict>)>>;

/// Held pods by uid. A pod may be held by several plug-ins, and is bound when each has let it go.
/// A plug-in that holds pods keeps a clone of this to let them go with.
#[derive(Clone, Default)]
pub struct WaitingPods(Arc<Mutex<Holds>>);

/// The binding's end: resolves to the verdict.
pub struct Waiting(pub(crate) oneshot::Receiver<Verdict>);

impl WaitingPods {
    pub(crate) fn hold(&self, uid: Arc<str>, plugin: &'static str) -> Waiting {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(uid).or_default().push((plugin, sender));
        Waiting(receiver)
    }

    /// `plugin` lets the pod go. Returns whether it held it.
    pub fn allow(&self, uid: &str, plugin: &str) -> bool {
        self.decide(uid, plugin, Ok(()))
    }

    /// `plugin` sends the pod back to the queue. Returns whether it held it.
    pub fn deny(&self, uid: &str, plugin: &str, reason: &str) -> bool {
        self.decide(uid, plugin, Err(reason.to_owned()))
    }

    /// Pods that `plugin` holds.
    pub fn held_by(&self, plugin: &str) -> Vec<Arc<str>> {
        let holds = self.lock();
        let held = holds.iter().filter(|(_, by)| by.iter().any(|(name, _)| *name == plugin));
        held.map(|(uid, _)| uid.clone()).collect()
    }

    /// The pod is bound, gone, or back in the queue.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn decide(&self, uid: &str, plugin: &str, verdict: Verdict) -> bool {
        let mut holds = self.lock();
        let Some(by) = holds.get_mut(uid) else { return false };
        let Some(index) = by.iter().position(|(name, _)| *name == plugin) else { return false };
        let (_, sender) = by.swap_remove(index);
        if by.is_empty() {
            holds.remove(uid);
        }
        sender.send(verdict).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Holds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
