//! The watch stream over gRPC. Each case drives one raw stream, so that it sees every answer; those
//! that etcd shares are held against etcd as well, where it is installed.

use std::future::Future;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::watch_create_request::FilterType;
use store_proto::etcdserverpb::watch_request::RequestUnion;
use store_proto::mvccpb::event::EventType;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::remote::Remote;
use crate::remote::testing::{Etcd, installed};
use crate::server::testing::Served;
use crate::{DeleteRangeRequest, KeyRange, PutRequest, Store};

/// Both ends of one raw stream.
struct Stream {
    requests: mpsc::Sender<pb::WatchRequest>,
    answers: Streaming<pb::WatchResponse>,
}

impl Stream {
    async fn open(remote: &Remote) -> Self {
        let (requests, outgoing) = mpsc::channel(1024);
        // A server may answer the call itself only once a request is there.
        let warm_up = pb::WatchCreateRequest { watch_id: WARM_UP, ..on("warm-up") };
        requests
            .send(ask(RequestUnion::CreateRequest(warm_up)))
            .await
            .expect("the channel is open");
        let (sender, incoming) = tokio::sync::oneshot::channel();
        let mut client = remote.watches();
        tokio::spawn(async move {
            let answers = client.watch(ReceiverStream::new(outgoing)).await;
            // Dropped receivers mean that the test is over.
            let _ = sender.send(answers.map(tonic::Response::into_inner));
        });
        let answers = incoming.await.expect("the call ends").expect("the stream opens");
        let mut stream = Self { requests, answers };
        while !stream.next().await.created {}
        stream.cancel(WARM_UP).await;
        while !stream.next().await.canceled {}
        stream
    }

    async fn send(&self, request: RequestUnion) {
        self.requests.send(ask(request)).await.expect("the stream is open");
    }

    async fn create(&self, request: pb::WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(request)).await;
    }

    async fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id })).await;
    }

    async fn ask_progress(&self) {
        self.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {})).await;
    }

    async fn next(&mut self) -> pb::WatchResponse {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let answer = answer.expect("an answer comes").expect("the stream goes on");
        answer.expect("the stream goes on")
    }

    /// Creates a watch and takes its `created` answer, which must come next.
    async fn created(&mut self, request: pb::WatchCreateRequest) -> pb::WatchResponse {
        self.create(request).await;
        let answer = self.next().await;
        assert!(answer.created && answer.events.is_empty(), "{answer:?}");
        answer
    }
}

/// A missing answer fails the test rather than hang it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The id of the watch that opens a stream, out of the way of every other.
const WARM_UP: i64 = 1 << 40;

fn ask(request: RequestUnion) -> pb::WatchRequest {
    pb::WatchRequest { request_union: Some(request) }
}

fn on(key: &'static str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.into(), ..Default::default() }
}

fn on_all() -> pb::WatchCreateRequest {
    let (key, range_end) = (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
    pb::WatchCreateRequest { key, range_end, ..Default::default() }
}

async fn put(store: &Remote, key: &str, value: &str) -> i64 {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    let request = PutRequest { key, value, ..PutRequest::default() };
    store.put(request).await.expect("a put is accepted").header.revision
}

async fn delete(store: &Remote, key: &'static str) {
    let request = DeleteRangeRequest { range: KeyRange::single(key), prev_kv: false };
    store.delete_range(request).await.expect("a delete is accepted");
}

fn revision(answer: &pb::WatchResponse) -> i64 {
    answer.header.as_ref().expect("every answer has a header").revision
}

fn event_keys(answer: &pb::WatchResponse) -> Vec<Bytes> {
    let key = |event: &store_proto::mvccpb::Event| event.kv.as_ref().expect("a key").key.clone();
    answer.events.iter().map(key).collect()
}

async fn created_comes_first_with_the_revision(store: &Remote) {
    put(store, "a", "1").await; // 2
    let mut stream = Stream::open(store).await;
    let request = pb::WatchCreateRequest { start_revision: 1, ..on("a") };
    let created = stream.created(request).await;
    assert_eq!((created.watch_id, revision(&created), created.canceled), (0, 2, false));
    let events = stream.next().await;
    assert_eq!((events.watch_id, events.events.len(), events.created), (0, 1, false));
}

async fn ids_count_from_zero_and_go_round_taken_ones(store: &Remote) {
    let mut stream = Stream::open(store).await;
    assert_eq!(stream.created(on("a")).await.watch_id, 0);
    assert_eq!(stream.created(pb::WatchCreateRequest { watch_id: 2, ..on("a") }).await.watch_id, 2);
    assert_eq!(stream.created(on("a")).await.watch_id, 1);
    assert_eq!(stream.created(on("a")).await.watch_id, 3);
    let mut other = Stream::open(store).await;
    assert_eq!(other.created(on("a")).await.watch_id, 0);
}

async fn a_taken_id_is_refused(store: &Remote) {
    let mut stream = Stream::open(store).await;
    let seven = || pb::WatchCreateRequest { watch_id: 7, ..on("a") };
    stream.created(seven()).await;
    let refused = stream.created(seven()).await;
    assert_eq!((refused.watch_id, refused.canceled, refused.compact_revision), (-1, true, 0));
    assert_eq!(refused.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
    put(store, "a", "1").await;
    assert_eq!(stream.next().await.watch_id, 7, "the first watch goes on");
}

async fn an_empty_range_is_refused(store: &Remote) {
    let mut stream = Stream::open(store).await;
    let reversed = pb::WatchCreateRequest { range_end: "a".into(), ..on("b") };
    let refused = stream.created(reversed).await;
    assert_eq!((refused.watch_id, refused.canceled), (-1, true));
    assert_eq!(refused.cancel_reason, "mvcc: watcher range is empty");
    assert_eq!(stream.created(on("b")).await.watch_id, 0);
}

async fn an_empty_key_is_the_first(store: &Remote) {
    let mut stream = Stream::open(store).await;
    let request = pb::WatchCreateRequest { range_end: Bytes::from_static(b"\0"), ..on("") };
    stream.created(request).await;
    put(store, "a", "1").await;
    assert_eq!(event_keys(&stream.next().await), ["a"]);
}

async fn a_cancelled_watch_tells_nothing_more(store: &Remote) {
    let mut stream = Stream::open(store).await;
    stream.created(on("a")).await;
    stream.created(on_all()).await;
    put(store, "a", "1").await; // 2
    let first = [stream.next().await.watch_id, stream.next().await.watch_id];
    assert!(first == [0, 1] || first == [1, 0]);
    stream.cancel(0).await;
    let cancelled = stream.next().await;
    assert_eq!((cancelled.watch_id, cancelled.canceled, cancelled.created), (0, true, false));
    assert!(cancelled.cancel_reason.is_empty() && revision(&cancelled) == 2);
    put(store, "a", "2").await;
    put(store, "a", "3").await;
    assert_eq!([stream.next().await.watch_id, stream.next().await.watch_id], [1, 1]);
    // A free id may be taken again; an unknown one is not there to be cancelled.
    stream.cancel(99).await;
    let again = pb::WatchCreateRequest { watch_id: 5, ..on("a") };
    assert_eq!(stream.created(again.clone()).await.watch_id, 5);
    stream.cancel(5).await;
    assert!(stream.next().await.canceled);
    assert_eq!(stream.created(again).await.watch_id, 5);
}

async fn a_compacted_start_is_created_then_cancelled(store: &Remote) {
    for _ in 0..4 {
        put(store, "a", "").await; // 2 to 5
    }
    store.compact(4).await.expect("the compaction is accepted");
    let mut stream = Stream::open(store).await;
    let created = stream.created(pb::WatchCreateRequest { start_revision: 3, ..on("a") }).await;
    assert!(!created.canceled);
    let cancelled = stream.next().await;
    assert_eq!((cancelled.watch_id, cancelled.canceled), (0, true));
    assert_eq!((cancelled.compact_revision, revision(&cancelled)), (4, 0));
    assert!(cancelled.cancel_reason.is_empty());
}

async fn filters_drop_a_kind_of_event(store: &Remote) {
    let mut stream = Stream::open(store).await;
    let with =
        |filter: FilterType| pb::WatchCreateRequest { filters: vec![filter.into()], ..on("a") };
    stream.created(with(FilterType::Noput)).await;
    stream.created(with(FilterType::Nodelete)).await;
    put(store, "a", "1").await; // 2
    let only_put = stream.next().await;
    assert_eq!((only_put.watch_id, only_put.events[0].r#type()), (1, EventType::Put));
    delete(store, "a").await; // 3
    let only_delete = stream.next().await;
    assert_eq!((only_delete.watch_id, only_delete.events[0].r#type()), (0, EventType::Delete));
}

async fn previous_values_come_only_when_asked(store: &Remote) {
    put(store, "a", "1").await;
    let mut stream = Stream::open(store).await;
    stream.created(on("a")).await;
    stream.created(pb::WatchCreateRequest { prev_kv: true, ..on("a") }).await;
    put(store, "a", "2").await;
    for _ in 0..2 {
        let answer = stream.next().await;
        let previous = answer.events[0].prev_kv.as_ref().map(|kv| kv.value.clone());
        let expected = (answer.watch_id == 1).then(|| Bytes::from_static(b"1"));
        assert_eq!(previous, expected);
    }
}

async fn progress_on_a_quiet_stream(store: &Remote) {
    let mut stream = Stream::open(store).await;
    stream.created(on("a")).await;
    put(store, "other", "").await;
    let last = put(store, "other", "").await;
    stream.ask_progress().await;
    let progress = stream.next().await;
    assert_eq!((progress.watch_id, progress.events.len()), (-1, 0));
    assert!(!progress.created && !progress.canceled);
    assert_eq!(revision(&progress), last);
}

/// What etcd does as well, 3.4 included.
async fn shared_cases<F, S, Fut>(mut start: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = (std::sync::Arc<Remote>, S)>,
{
    macro_rules! run {
        ($($case:ident),* $(,)?) => {$(
            eprintln!("case {}", stringify!($case));
            let (remote, server) = start().await;
            $case(&remote).await;
            drop(server);
        )*};
    }
    run![
        created_comes_first_with_the_revision,
        ids_count_from_zero_and_go_round_taken_ones,
        a_taken_id_is_refused,
        an_empty_range_is_refused,
        an_empty_key_is_the_first,
        a_cancelled_watch_tells_nothing_more,
        a_compacted_start_is_created_then_cancelled,
        filters_drop_a_kind_of_event,
        previous_values_come_only_when_asked,
        progress_on_a_quiet_stream,
    ];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_streams_do_as_etcds() {
    shared_cases(|| async {
        let served = Served::start().await;
        (served.connect().await, served)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcds_streams_do_so() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so the cases were not held against etcd itself");
        return;
    };
    shared_cases(|| async {
        let mut etcd = Etcd::start(&program);
        (etcd.connect().await, etcd)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_negative_start_is_refused() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    let request = pb::WatchCreateRequest { start_revision: -1, ..on("a") };
    let refused = stream.created(request).await;
    assert_eq!((refused.watch_id, refused.canceled), (-1, true));
    assert_eq!(refused.cancel_reason, "etcdserver: mvcc: required revision has been compacted");
    served.stop().await;
}

/// Writes run beside many requests for progress: whenever a revision is told to be passed, all of
/// its events must have come before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_overtakes_no_event() {
    const WRITES: i64 = 500;
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    stream.created(on("a")).await;
    stream.created(on_all()).await;
    let writer = tokio::spawn({
        let remote = remote.clone();
        async move {
            for at in 0..WRITES {
                put(&remote, "a", &at.to_string()).await;
            }
        }
    });
    let (mut seen, mut told) = ([1; 2], 1);
    stream.ask_progress().await;
    while told < 1 + WRITES {
        let answer = stream.next().await;
        let at = usize::try_from(answer.watch_id).ok();
        match at {
            Some(id) => {
                for event in &answer.events {
                    let event_revision = event.kv.as_ref().expect("a key").mod_revision;
                    assert_eq!(event_revision, seen[id] + 1, "each revision once and in order");
                    assert!(event_revision > told, "progress {told} overtook {event_revision}");
                    seen[id] = event_revision;
                }
            }
            None => {
                told = revision(&answer);
                assert!(seen.iter().all(|seen| *seen >= told), "{seen:?} at {told}");
                stream.ask_progress().await;
            }
        }
    }
    writer.await.expect("the writer ends");
    served.stop().await;
}

/// A watch that is created and asked about at once is answered, however the store moves meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_right_after_creation_is_answered() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let writer = tokio::spawn({
        let (remote, stop) = (remote.clone(), stop.clone());
        async move {
            while !stop.is_cancelled() {
                put(&remote, "other", "").await;
            }
        }
    });
    for _ in 0..50 {
        let mut stream = Stream::open(&remote).await;
        stream.create(on("a")).await;
        stream.ask_progress().await;
        let created = stream.next().await;
        assert!(created.created);
        let progress = stream.next().await;
        assert_eq!(progress.watch_id, -1);
        assert!(revision(&progress) >= revision(&created));
    }
    stop.cancel();
    writer.await.expect("the writer ends");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_revision_is_cut_into_fragments_when_asked() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    let key = |at: usize| Bytes::from(format!("{at:02}"));
    for at in 0..40 {
        let value = vec![0; 100 << 10].into();
        let put = PutRequest { key: key(at), value, ..PutRequest::default() };
        served.store.put(put).await.expect("the put is accepted");
    }
    let with_previous = pb::WatchCreateRequest { prev_kv: true, ..on_all() };
    stream.created(pb::WatchCreateRequest { fragment: true, ..with_previous.clone() }).await;
    stream.created(with_previous).await;
    // A small request, and twice the limit of a message in what the watches are told.
    let everything = DeleteRangeRequest { range: KeyRange::prefix(""), prev_kv: false };
    served.store.delete_range(everything).await.expect("the delete is accepted");
    let (mut keys, mut pieces, mut whole) = (Vec::new(), 0, 0);
    while keys.len() < 40 || whole == 0 {
        let answer = stream.next().await;
        assert_eq!(revision(&answer), 42);
        if answer.watch_id == 1 {
            assert!(!answer.fragment, "fragments were not asked for");
            whole = answer.events.len();
            continue;
        }
        keys.extend(event_keys(&answer));
        pieces += 1;
        assert_eq!(answer.fragment, keys.len() < 40, "all but the last piece say so");
    }
    assert_eq!((keys, whole), ((0..40).map(key).collect(), 40));
    assert!(pieces > 1, "{pieces}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_watches_share_a_stream() {
    const WATCHES: usize = 500;
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    let key = |at: i64| format!("key{at}");
    for at in 0..WATCHES as i64 {
        let request = pb::WatchCreateRequest { key: key(at).into(), ..Default::default() };
        assert_eq!(stream.created(request).await.watch_id, at);
    }
    for at in (0..WATCHES as i64).rev() {
        put(&remote, &key(at), "").await;
        let answer = stream.next().await;
        assert_eq!((answer.watch_id, event_keys(&answer)), (at, vec![key(at).into()]));
    }
    stream.ask_progress().await;
    let progress = stream.next().await;
    assert_eq!((progress.watch_id, revision(&progress)), (-1, 1 + WATCHES as i64));
    served.stop().await;
}

/// Nobody reads the stream while more is written than all queues on the way hold; then all of it is
/// read, whole and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stands_still_delays_nobody() {
    const WRITES: usize = 3000;
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    stream.created(on("a")).await;
    let value = "x".repeat(4096);
    let writes = (0..WRITES).map(|_| put(&remote, "a", &value));
    futures::future::join_all(writes).await;
    let mut next = 2;
    while next < 2 + WRITES as i64 {
        for event in stream.next().await.events {
            assert_eq!(event.kv.expect("a key").mod_revision, next);
            next += 1;
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let served = Served::start().await;
    let remote = served.connect().await;
    let mut stream = Stream::open(&remote).await;
    stream.created(on("a")).await;
    served.stop().await;
    let end = stream.answers.message().await;
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}
