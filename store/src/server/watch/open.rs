//! One watch of a stream: what its client asked for.

use futures::stream::AbortHandle;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_create_request::FilterType;

use super::super::convert;
use crate::types::{Event, EventType};
use crate::watch::Progress;

/// What the client wants of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub no_put: bool,
    pub no_delete: bool,
    pub prev_kv: bool,
}

impl Wanted {
    pub(super) fn of(request: &pb::WatchCreateRequest) -> Self {
        Self {
            no_put: request.filters().any(|filter| filter == FilterType::Noput),
            no_delete: request.filters().any(|filter| filter == FilterType::Nodelete),
            prev_kv: request.prev_kv,
        }
    }

    /// The event as it is sent, `None` when a filter drops it.
    pub(super) fn cut(self, event: &Event) -> Option<store_proto::mvccpb::Event> {
        let dropped = match event.event_type {
            EventType::Put => self.no_put,
            EventType::Delete => self.no_delete,
        };
        (!dropped).then(|| convert::event(event, self.prev_kv))
    }
}

pub(super) struct OpenWatch {
    pub wanted: Wanted,
    pub fragment: bool,
    pub progress_notify: bool,
    pub start_revision: i64,
    pub progress: Option<Progress>,
    pub abort: AbortHandle,
    /// Nothing was sent since the last progress tick.
    pub quiet: bool,
    /// A progress item is owed under this watch's own id.
    pub owes_periodic: bool,
}
