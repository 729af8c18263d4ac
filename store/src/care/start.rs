//! Starts what runs beside the requests.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{auto_compaction, checks, reclaim, stalled_disk};
use crate::alarm::{Alarm, AlarmKind};
use crate::embedded::Embedded;

/// Starts the tasks that this member's settings ask for. They end when `stop` is cancelled, and
/// hold the member only while they act.
pub(crate) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let space = &store.published.space;
    space.configure(&store.config.care);
    let (member_id, state) = (store.published.identity.member_id, store.published.state.load());
    if state.side.alarms.has(Alarm { kind: AlarmKind::NoSpace, member_id }) {
        // Whoever raised it, before this process was there to know: most likely the quota.
        space.note_full();
    }
    reclaim::start(store, tasks, stop);
    auto_compaction::start(store, tasks, stop);
    checks::start(store, tasks, stop);
    stalled_disk::start(store, tasks, stop);
}
