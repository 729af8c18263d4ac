//! How the holder of a watch asks where it stands.

use std::sync::Weak;

use tokio::sync::mpsc;

use super::hub::Hub;
use super::index::WatcherId;

/// Asks for a [`WatchItem::Progress`](crate::WatchItem::Progress) on one watch.
#[derive(Clone, Debug)]
pub struct Progress(Source);

#[derive(Clone, Debug)]
enum Source {
    Hub {
        hub: Weak<Hub>,
        id: WatcherId,
    },
    /// The task that keeps a remote watch.
    Remote(mpsc::Sender<()>),
}

impl Progress {
    pub(super) fn of_hub(hub: Weak<Hub>, id: WatcherId) -> Self {
        Self(Source::Hub { hub, id })
    }

    /// Each message asks once; when the channel is full enough was asked already.
    pub(crate) fn of_remote(requests: mpsc::Sender<()>) -> Self {
        Self(Source::Remote(requests))
    }

    /// A progress item follows behind all events up to the revision at this moment; before a
    /// watch's future start revision nothing is sent.
    pub fn request(&self) {
        match &self.0 {
            Source::Hub { hub, id } => {
                if let Some(hub) = hub.upgrade() {
                    hub.request_progress(*id);
                }
            }
            Source::Remote(requests) => {
                // Full: a request is on its way. Closed: the watch has ended.
                let _ = requests.try_send(());
            }
        }
    }
}
