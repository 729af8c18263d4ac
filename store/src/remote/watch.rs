//! A watch on a stream of its own.
//!
//! One task per watch moves answers into the watcher's channel. A full channel stops the reading,
//! which stops the server's sending: nothing is buffered here. The task ends with the stream, or
//! when the receiver is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::StreamExt;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::connect::Remote;
use super::convert;
use super::error::{from_status, malformed};
use crate::error::Error;
use crate::face::{WATCH_CHANNEL_CAPACITY, Watcher};
use crate::types::*;
use crate::watch::Progress;

/// Requests for progress on their way. One answers all that came before it.
const PROGRESS_REQUESTS: usize = 1;

pub(super) async fn open(remote: &Remote, request: WatchRequest) -> Result<Watcher, Error> {
    // On the wire an empty key means every key; the face refuses it.
    if request.range.key.is_empty() {
        return Err(Error::EmptyKey);
    }
    let (progress, progress_requests) = mpsc::channel(PROGRESS_REQUESTS);
    let requests = futures::stream::iter([create(request)])
        .chain(ReceiverStream::new(progress_requests).map(|()| ask_progress()));
    let mut answers = remote.watches().watch(requests).await.map_err(from_status)?.into_inner();
    let first = answers.message().await.map_err(from_status)?;
    let created = first.ok_or_else(|| malformed("a watch"))?;
    let header = convert::header(created.header)?;
    if created.canceled && created.compact_revision == 0 {
        return Err(from_status(Status::new(Code::InvalidArgument, created.cancel_reason)));
    }
    let seen = remote.seen();
    seen.fetch_max(header.revision, Ordering::Relaxed);
    let (sender, items) = mpsc::channel(WATCH_CHANNEL_CAPACITY);
    let progress = Progress::of_remote(progress);
    // The task holds a handle too, so that the requests' side stays open as long as the watch.
    let open = progress.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = relay(answers, &sender, &seen) => {}
            () = sender.closed() => {}
        }
        drop(open);
    });
    Ok(Watcher::with_progress(header.revision, items, progress))
}

fn create(request: WatchRequest) -> pb::WatchRequest {
    let create = pb::WatchCreateRequest {
        key: request.range.key,
        range_end: request.range.end,
        start_revision: request.start_revision.max(0),
        prev_kv: true,
        ..Default::default()
    };
    pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

fn ask_progress() -> pb::WatchRequest {
    let ask = pb::WatchProgressRequest {};
    pb::WatchRequest { request_union: Some(RequestUnion::ProgressRequest(ask)) }
}

/// Moves answers until the watch is over.
async fn relay(
    mut answers: Streaming<pb::WatchResponse>,
    sender: &mpsc::Sender<WatchItem>,
    seen: &Arc<AtomicI64>,
) {
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(status) => return tracing::debug!(%status, "remote watch broke"),
        };
        let over = answer.canceled;
        let items = match items(answer) {
            Ok(items) => items,
            Err(error) => return tracing::warn!(%error, "remote watch ended"),
        };
        for item in items {
            if let WatchItem::Events { revision, .. } | WatchItem::Progress { revision } = &item {
                seen.fetch_max(*revision, Ordering::Relaxed);
            }
            if sender.send(item).await.is_err() {
                return;
            }
        }
        if over {
            return;
        }
    }
}

/// What one answer tells: events cut into revisions, progress, or the end.
fn items(answer: pb::WatchResponse) -> Result<Vec<WatchItem>, Error> {
    if answer.compact_revision != 0 {
        return Ok(vec![WatchItem::Compacted { compact_revision: answer.compact_revision }]);
    }
    if answer.created || answer.canceled {
        return Ok(Vec::new());
    }
    if answer.events.is_empty() {
        let revision = convert::header(answer.header)?.revision;
        return Ok(vec![WatchItem::Progress { revision }]);
    }
    let events = answer.events.into_iter().map(convert::event).collect::<Result<Vec<_>, _>>()?;
    Ok(events
        .chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision)
        .map(|events| WatchItem::Events {
            revision: events[0].kv.mod_revision,
            events: events.into(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use store_proto::mvccpb;

    use super::*;

    #[test]
    fn an_answer_with_many_revisions_is_cut_into_them() {
        let event = |mod_revision| mvccpb::Event {
            kv: Some(mvccpb::KeyValue { key: "a".into(), mod_revision, ..Default::default() }),
            ..Default::default()
        };
        let answer =
            pb::WatchResponse { events: vec![event(3), event(3), event(5)], ..Default::default() };
        let cut: Vec<_> = items(answer)
            .expect("the answer is well formed")
            .into_iter()
            .map(|item| match item {
                WatchItem::Events { revision, events } => (revision, events.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(cut, [(3, 2), (5, 1)]);
    }
}
