//! Tells subscribers which pods to look at again.

use std::sync::Mutex;

use tokio::sync::mpsc;

use super::RuntimeEvent;

/// Events that wait for one subscriber. A subscriber that falls behind misses the rest: events
/// carry no state, and every kubelet lists everything now and then.
const QUEUE: usize = 1024;

#[derive(Debug, Default)]
pub struct Events(Mutex<Vec<mpsc::Sender<RuntimeEvent>>>);

impl Events {
    pub fn subscribe(&self) -> mpsc::Receiver<RuntimeEvent> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.lock().push(sender);
        receiver
    }

    /// Never waits. Subscribers that have gone are forgotten.
    pub fn changed(&self, pod_uid: &str) {
        self.lock().retain(|subscriber| {
            let event = RuntimeEvent { pod_uid: pod_uid.to_owned() };
            !matches!(subscriber.try_send(event), Err(mpsc::error::TrySendError::Closed(_)))
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<RuntimeEvent>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
