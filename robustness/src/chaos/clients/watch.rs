//! A watcher: follows a range over breaks, members and compactions, and records what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::SinkExt;
use futures::channel::mpsc;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_request::RequestUnion;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::ask;
use super::fleet::Shared;
use super::{Connection, convert};
use crate::history::{Outcome, Range, Request, WatchAnswer, WatchStart};

const RECONNECT: Duration = Duration::from_millis(100);
/// Limit on the answer that a watch is there.
const CREATION: Duration = Duration::from_secs(5);
/// How often progress is asked for, so that a silent watch that is behind is told from one with
/// nothing to say.
const PROGRESS: Duration = Duration::from_secs(1);
/// A watch that is told nothing for so long, though it asks, is given up.
const SILENCE: Duration = Duration::from_secs(6);
/// How long a watch is followed before the watcher breaks it off by itself, in seconds.
const BREAKS: std::ops::Range<u64> = 5..40;

/// What a watcher follows, and from where.
#[derive(Clone, Debug)]
pub struct Watched {
    pub key: String,
    pub end: Option<String>,
    pub prev_kv: bool,
    /// As a reflector does: reads the range, and follows from there. Else from the first revision
    /// on.
    pub lists_first: bool,
}

/// Follows until it is told to stop. `reached` is the revision up to which it has seen everything.
pub async fn run(
    shared: Arc<Shared>,
    watched: Watched,
    name: u32,
    reached: Arc<AtomicI64>,
    stop: CancellationToken,
) {
    let rng = StdRng::seed_from_u64(shared.seed.wrapping_mul(31).wrapping_add(u64::from(name)));
    let client = shared.new_client();
    let mut watcher = Watcher { shared, watched, client, rng, next: 0, former: None, reached };
    while !stop.is_cancelled() {
        let link = watcher.shared.connect_to_any(&mut watcher.rng).await;
        let Some((member, connection)) = link else {
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        tokio::select! {
            () = watcher.follow(&member, &connection, &stop) => {}
            () = stop.cancelled() => {}
        }
        watcher.close("the watcher ended it");
    }
}

struct Watcher {
    shared: Arc<Shared>,
    watched: Watched,
    client: u64,
    rng: StdRng,
    /// The first revision not seen yet; 0 before the first watch.
    next: i64,
    /// The watch that the next one continues.
    former: Option<Former>,
    reached: Arc<AtomicI64>,
}

#[derive(Clone, Copy)]
struct Former {
    watch: u64,
    open: bool,
}

impl Watcher {
    async fn follow(&mut self, member: &str, connection: &Connection, stop: &CancellationToken) {
        if self.next == 0 && !self.begin(member, connection).await {
            return;
        }
        let start = WatchStart {
            key: self.watched.key.clone(),
            end: self.watched.end.clone(),
            start_revision: self.next,
            prev_kv: self.watched.prev_kv,
            continues: self.former.map(|former| former.watch),
        };
        let (mut requests, receiver) = mpsc::channel(1);
        let create = pb::WatchCreateRequest {
            key: start.key.clone().into(),
            range_end: convert::end(start.end.as_ref()),
            start_revision: start.start_revision,
            prev_kv: start.prev_kv,
            ..Default::default()
        };
        let watch = self.shared.recorder.watch_opened(self.client, member, start);
        self.former = Some(Former { watch, open: true });
        let first = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        if requests.send(first).await.is_err() {
            return;
        }
        let mut client = connection.watch();
        let opened = tokio::time::timeout(CREATION, client.watch(receiver)).await;
        let mut answers = match opened {
            Ok(Ok(answers)) => answers.into_inner(),
            Ok(Err(status)) => return self.close(status.message()),
            Err(_) => return self.close("no answer"),
        };
        let end = Instant::now() + Duration::from_secs(self.rng.random_range(BREAKS));
        let mut heard = Instant::now();
        let mut progress = tokio::time::interval(PROGRESS);
        while !stop.is_cancelled() && Instant::now() < end {
            let answer = tokio::select! {
                answer = answers.message() => answer,
                _ = progress.tick() => {
                    if heard.elapsed() > SILENCE {
                        return self.close("silent");
                    }
                    let ask = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
                    // A channel that is full has a question in it already.
                    let _ = requests.try_send(pb::WatchRequest { request_union: Some(ask) });
                    continue;
                }
            };
            heard = Instant::now();
            let answer = match answer {
                Ok(Some(answer)) => answer,
                Ok(None) => return self.close("the stream ended"),
                Err(status) => return self.close(status.message()),
            };
            match convert::watched(answer) {
                Ok(answer) => {
                    self.shared.recorder.watch_answered(watch, answer.clone());
                    if !self.learn(&answer) {
                        return;
                    }
                }
                Err(malformed) => return self.close(&malformed.to_string()),
            }
        }
    }

    /// Finds where to follow from. Whether it did.
    async fn begin(&mut self, member: &str, connection: &Connection) -> bool {
        if !self.watched.lists_first {
            self.next = 1;
            return true;
        }
        let (key, end) = (self.watched.key.clone(), self.watched.end.clone());
        let list = Request::Range(Range { key, end, ..Range::default() });
        match ask(&self.shared, self.client, member, connection, &list).await {
            Outcome::Done(response) => {
                self.next = response.revision + 1;
                true
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => false,
        }
    }

    /// Whether the watch goes on.
    fn learn(&mut self, answer: &WatchAnswer) -> bool {
        match answer {
            WatchAnswer::Created { .. } => {}
            WatchAnswer::Events { events, .. } => {
                let last = events.last().map_or(0, |event| event.kv.mod_revision);
                self.seen_up_to(last);
            }
            WatchAnswer::Progress { revision } => self.seen_up_to(*revision),
            WatchAnswer::Compacted { compact_revision } => {
                // What was missed is gone; what follows continues nothing.
                self.next = (*compact_revision).max(self.next);
                self.former = None;
                return false;
            }
            WatchAnswer::Canceled { .. } => {
                if let Some(former) = &mut self.former {
                    former.open = false;
                }
                return false;
            }
        }
        true
    }

    fn seen_up_to(&mut self, revision: i64) {
        self.next = self.next.max(revision + 1);
        self.reached.fetch_max(revision, Ordering::SeqCst);
    }

    fn close(&mut self, reason: &str) {
        if let Some(former) = &mut self.former
            && std::mem::take(&mut former.open)
        {
            self.shared.recorder.watch_closed(former.watch, reason);
        }
    }
}
