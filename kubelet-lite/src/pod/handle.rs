//! What is wanted of one pod: the meeting point of those who learn it (watch, status writes) and
//! the worker that acts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::types::Pod;

pub struct Handle {
    slot: Mutex<Slot>,
    wake: Notify,
}

struct Slot {
    pod: Arc<Pod>,
    gone: bool,
    references_changed: bool,
}

/// What is wanted right now.
pub struct Wanted {
    pub pod: Arc<Pod>,
    /// The API does not have the pod: end it and leave nothing.
    pub gone: bool,
    /// What files are made from has changed since the last look: a ConfigMap or Secret that the
    /// pod refers to, or its labels and annotations.
    pub references_changed: bool,
}

impl Handle {
    pub fn new(pod: Arc<Pod>, gone: bool) -> Self {
        let slot = Slot { pod, gone, references_changed: false };
        Self { slot: Mutex::new(slot), wake: Notify::new() }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a newer version of the pod; an older one, which may come late from another source, is
    /// dropped.
    pub fn offer(&self, pod: Arc<Pod>) {
        let mut slot = self.slot();
        if pod.resource_version() > slot.pod.resource_version() {
            // Files of downwardAPI volumes show them.
            let (old, new) = (&slot.pod.metadata, &pod.metadata);
            let told_differ = old.labels != new.labels || old.annotations != new.annotations;
            slot.references_changed |= told_differ;
            slot.pod = pod;
            drop(slot);
            self.wake();
        }
    }

    pub fn vanish(&self) {
        self.slot().gone = true;
        self.wake();
    }

    pub fn references_changed(&self) {
        self.slot().references_changed = true;
        self.wake();
    }

    /// Makes the worker look again. Kept until it does, so that none is lost.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    pub fn pod(&self) -> Arc<Pod> {
        self.slot().pod.clone()
    }

    /// Nothing new is to be started for this pod.
    pub fn is_ending(&self) -> bool {
        let slot = self.slot();
        slot.gone || slot.pod.is_deleted()
    }

    pub fn is_gone(&self) -> bool {
        self.slot().gone
    }

    /// Reads, and takes the note that references changed.
    pub fn take(&self) -> Wanted {
        let mut slot = self.slot();
        Wanted {
            pod: slot.pod.clone(),
            gone: slot.gone,
            references_changed: std::mem::take(&mut slot.references_changed),
        }
    }
}
