//! The actor behind one watch stream.
//!
//! It alone touches the stream's watches: requests, store items and progress ticks arrive in one
//! loop, so that `created` precedes events, events precede `canceled`, and progress overtakes
//! nothing. Manual progress (id -1) is a round: every synced watch is asked, and the answer goes
//! out when the last of them has passed its own mark.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{Abortable, BoxStream, SelectAll};
use futures::{StreamExt, stream};
use prost::Message;
use rand::Rng;
use store_proto::etcdserverpb as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::open::{OpenWatch, Wanted};
use crate::Store as _;
use crate::error::Error;
use crate::server::access::{Access, Caller};
use crate::server::auth::cancel_reason;
use crate::server::convert;
use crate::types::*;

/// Word of the revision on quiet watches comes no more often than this, as in etcd.
const LEAST_PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// The id that stands for "no watch": refusals and manual progress.
const NO_WATCH: i64 = -1;

type Answer = Result<pb::WatchResponse, Status>;

/// The client is gone.
struct Gone;

pub(super) struct WatchStream {
    access: Access,
    /// Who asks for every watch of this stream.
    caller: Caller,
    answers: mpsc::Sender<Answer>,
    open: HashMap<i64, OpenWatch>,
    items: SelectAll<BoxStream<'static, (i64, Option<WatchItem>)>>,
    next_id: i64,
    /// Watches that the manual progress round still waits for, and the least revision so far.
    round: Option<(HashSet<i64>, i64)>,
}

impl WatchStream {
    pub(super) fn new(access: Access, caller: Caller, answers: mpsc::Sender<Answer>) -> Self {
        let items = SelectAll::new();
        Self { access, caller, answers, open: HashMap::new(), items, next_id: 0, round: None }
    }

    /// Runs until the client goes away. One that has no more to ask is answered on.
    pub(super) async fn run(mut self, mut requests: Streaming<pb::WatchRequest>) {
        let interval = self.access.store.config.watch_progress_notify_interval;
        let interval = interval.max(LEAST_PROGRESS_INTERVAL);
        // Clients that came together are not all told at once.
        let jitter = interval.mul_f64(rand::rng().random_range(0.0..0.1));
        let mut ticks = tokio::time::interval(interval + jitter);
        ticks.reset();
        let mut asks = true;
        loop {
            let outcome = tokio::select! {
                request = requests.message(), if asks => match request {
                    Ok(Some(request)) => self.request(request).await,
                    Ok(None) => {
                        asks = false;
                        Ok(())
                    }
                    Err(refusal) => {
                        // The client may be gone, which ends the stream just as well.
                        let _ = self.answers.send(Err(refusal)).await;
                        return;
                    }
                },
                Some((id, item)) = self.items.next(), if !self.items.is_empty() => {
                    self.item(id, item).await
                }
                _ = ticks.tick() => { self.tick(); Ok(()) }
                () = self.answers.closed() => return,
            };
            if let Err(Gone) = outcome {
                return;
            }
        }
    }

    async fn send(&mut self, response: pb::WatchResponse) -> Result<(), Gone> {
        self.answers.send(Ok(response)).await.map_err(|_| Gone)
    }

    fn header(&self, revision: i64) -> Option<pb::ResponseHeader> {
        convert::header(self.access.store.published.header(revision))
    }

    async fn request(&mut self, request: pb::WatchRequest) -> Result<(), Gone> {
        use pb::watch_request::RequestUnion;
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(create).await,
            Some(RequestUnion::CancelRequest(cancel)) => self.cancel(cancel.watch_id).await,
            Some(RequestUnion::ProgressRequest(_)) => self.start_progress_round().await,
            None => Ok(()),
        }
    }

    async fn create(&mut self, create: pb::WatchCreateRequest) -> Result<(), Gone> {
        let Some(range) = watched_range(&create.key, &create.range_end) else {
            return self.refuse("mvcc: watcher range is empty").await;
        };
        if create.start_revision < 0 {
            return self.refuse(&Error::Compacted { compact_revision: 0 }.to_string()).await;
        }
        let Some(id) = self.choose_id(create.watch_id) else {
            let reason = "mvcc: duplicate watch ID provided on the WatchStream";
            return self.refuse(reason).await;
        };
        let request = WatchRequest { range, start_revision: create.start_revision };
        let watcher = match self.access.watch(&self.caller, request).await {
            Ok(watcher) => watcher,
            Err(status) => return self.refuse(&cancel_reason(&status)).await,
        };
        let (created_revision, progress) = (watcher.created_revision, watcher.progress());
        let items = ReceiverStream::new(watcher.items)
            .map(move |item| (id, Some(item)))
            // The store has ended the watch.
            .chain(stream::once(async move { (id, None) }));
        let (abort, registration) = stream::AbortHandle::new_pair();
        self.items.push(Abortable::new(items, registration).boxed());
        let start_revision = match create.start_revision {
            0 => created_revision + 1,
            revision => revision,
        };
        let watch = OpenWatch {
            wanted: Wanted::of(&create),
            fragment: create.fragment,
            progress_notify: create.progress_notify,
            start_revision,
            progress,
            abort,
            quiet: true,
            owes_periodic: false,
        };
        self.open.insert(id, watch);
        self.send(pb::WatchResponse {
            header: self.header(created_revision),
            watch_id: id,
            created: true,
            ..Default::default()
        })
        .await
    }

    /// As etcd: 0 asks for the next free id, any other is taken unless it is in use.
    fn choose_id(&mut self, requested: i64) -> Option<i64> {
        if requested != 0 {
            return (!self.open.contains_key(&requested)).then_some(requested);
        }
        while self.open.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Some(self.next_id - 1)
    }

    async fn refuse(&mut self, reason: &str) -> Result<(), Gone> {
        self.send(pb::WatchResponse {
            header: self.header(self.access.store.current_revision()),
            watch_id: NO_WATCH,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..Default::default()
        })
        .await
    }

    /// An unknown id is ignored, as in etcd.
    async fn cancel(&mut self, id: i64) -> Result<(), Gone> {
        if !self.forget(id) {
            return Ok(());
        }
        let response = pb::WatchResponse {
            header: self.header(self.access.store.current_revision()),
            watch_id: id,
            canceled: true,
            ..Default::default()
        };
        self.send(response).await?;
        self.passed(id, i64::MAX).await
    }

    fn forget(&mut self, id: i64) -> bool {
        let Some(watch) = self.open.remove(&id) else { return false };
        watch.abort.abort();
        true
    }

    async fn item(&mut self, id: i64, item: Option<WatchItem>) -> Result<(), Gone> {
        // What was under way when its watch was cancelled is dropped.
        let Some(watch) = self.open.get_mut(&id) else { return Ok(()) };
        match item {
            Some(WatchItem::Events { revision, events }) => {
                watch.quiet = false;
                let (wanted, fragment) = (watch.wanted, watch.fragment);
                let events = events.iter().filter_map(|event| wanted.cut(event)).collect();
                self.send_events(id, revision, events, fragment).await
            }
            Some(WatchItem::Progress { revision }) => {
                if std::mem::take(&mut watch.owes_periodic) {
                    let header = self.header(revision);
                    let response = pb::WatchResponse { header, watch_id: id, ..Default::default() };
                    self.send(response).await?;
                }
                self.passed(id, revision).await
            }
            Some(WatchItem::Compacted { compact_revision }) => {
                self.forget(id);
                let response = pb::WatchResponse {
                    header: self.header(0),
                    watch_id: id,
                    canceled: true,
                    compact_revision,
                    ..Default::default()
                };
                self.send(response).await?;
                self.passed(id, i64::MAX).await
            }
            None => {
                self.forget(id);
                let response = pb::WatchResponse {
                    header: self.header(self.access.store.current_revision()),
                    watch_id: id,
                    canceled: true,
                    cancel_reason: "etcdserver: server stopped".to_owned(),
                    ..Default::default()
                };
                self.send(response).await?;
                self.passed(id, i64::MAX).await
            }
        }
    }

    async fn send_events(
        &mut self,
        watch_id: i64,
        revision: i64,
        events: Vec<store_proto::mvccpb::Event>,
        fragment: bool,
    ) -> Result<(), Gone> {
        if events.is_empty() {
            return Ok(()); // A filter dropped them all.
        }
        let meters = &self.access.store.published.meters;
        meters.events.fetch_add(events.len() as u64, std::sync::atomic::Ordering::Relaxed);
        let header = self.header(revision);
        let mut pieces = match fragment {
            true => cut_fragments(events, self.access.message_bytes()),
            false => vec![events],
        };
        let last = pieces.pop();
        for events in pieces {
            let response = pb::WatchResponse {
                header,
                watch_id,
                events,
                fragment: true,
                ..Default::default()
            };
            self.send(response).await?;
        }
        let events = last.unwrap_or_default();
        self.send(pb::WatchResponse { header, watch_id, events, ..Default::default() }).await
    }

    fn tick(&mut self) {
        for watch in self.open.values_mut() {
            if watch.progress_notify
                && watch.quiet
                && let Some(progress) = &watch.progress
            {
                watch.owes_periodic = true;
                progress.request();
            }
            watch.quiet = true;
        }
    }

    /// Asks every watch that has begun; one with a future start has nothing to be behind with.
    async fn start_progress_round(&mut self) -> Result<(), Gone> {
        let current = self.access.store.current_revision();
        if self.open.is_empty() || self.round.is_some() {
            return Ok(());
        }
        let mut waiting = HashSet::new();
        for (id, watch) in &self.open {
            if watch.start_revision <= current + 1
                && let Some(progress) = &watch.progress
            {
                waiting.insert(*id);
                progress.request();
            }
        }
        self.round = Some((waiting, current));
        self.finish_round().await
    }

    /// Notes that watch `id` has been given everything up to `revision`.
    async fn passed(&mut self, id: i64, revision: i64) -> Result<(), Gone> {
        if let Some((waiting, least)) = &mut self.round
            && waiting.remove(&id)
        {
            *least = revision.min(*least);
        }
        self.finish_round().await
    }

    async fn finish_round(&mut self) -> Result<(), Gone> {
        let Some((waiting, revision)) = &self.round else { return Ok(()) };
        if !waiting.is_empty() {
            return Ok(());
        }
        let header = self.header(*revision);
        self.round = None;
        self.send(pb::WatchResponse { header, watch_id: NO_WATCH, ..Default::default() }).await
    }
}

/// The range to watch: an empty key is every key from the start, as in etcd; an end that does not
/// lie behind the key is refused.
fn watched_range(key: &Bytes, end: &Bytes) -> Option<KeyRange> {
    let key = if key.is_empty() { Bytes::from_static(b"\0") } else { key.clone() };
    let reversed = !end.is_empty() && end.as_ref() != b"\0" && end <= &key;
    (!reversed).then(|| KeyRange { key, end: end.clone() })
}

/// What an event costs in an answer beside itself, and an answer beside its events: keys, lengths
/// and a header at their longest.
const EVENT_OVERHEAD_BYTES: usize = 6;
const ANSWER_OVERHEAD_BYTES: usize = 64;

/// Cuts one revision's events into pieces of less than `limit` bytes. As in etcd, an event larger
/// than that has a piece of its own.
fn cut_fragments(
    events: Vec<store_proto::mvccpb::Event>,
    limit: usize,
) -> Vec<Vec<store_proto::mvccpb::Event>> {
    let limit = limit.saturating_sub(ANSWER_OVERHEAD_BYTES);
    let mut pieces = Vec::new();
    let (mut piece, mut size) = (Vec::new(), 0);
    for event in events {
        let bytes = event.encoded_len() + EVENT_OVERHEAD_BYTES;
        if !piece.is_empty() && size + bytes > limit {
            pieces.push(std::mem::take(&mut piece));
            size = 0;
        }
        size += bytes;
        piece.push(event);
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_range_is_refused() {
        let bytes = Bytes::from_static;
        assert!(watched_range(&bytes(b"b"), &bytes(b"a")).is_none());
        assert!(watched_range(&bytes(b"a"), &bytes(b"a")).is_none());
        assert!(watched_range(&bytes(b"a"), &bytes(b"")).is_some());
        assert!(watched_range(&bytes(b"b"), &bytes(b"\0")).is_some());
        assert_eq!(
            watched_range(&bytes(b""), &bytes(b"\0")).map(|range| range.key),
            Some(bytes(b"\0"))
        );
    }

    #[test]
    fn fragments_keep_every_event_in_order() {
        let event = |key: &'static str, size: usize| store_proto::mvccpb::Event {
            kv: Some(store_proto::mvccpb::KeyValue {
                key: key.into(),
                value: vec![0; size].into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let events = vec![event("a", 1 << 20), event("b", 1 << 20), event("c", 10), event("d", 10)];
        for (limit, lengths) in
            [(2 << 20, vec![1, 3]), (1 << 20, vec![1, 1, 2]), (4 << 20, vec![4])]
        {
            let pieces = cut_fragments(events.clone(), limit);
            assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
            assert_eq!(pieces.concat(), events);
        }
    }
}
