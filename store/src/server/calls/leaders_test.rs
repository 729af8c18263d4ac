//! Clients that want a leader, in a cluster that loses its own.

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::watch_client::WatchClient;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};

use crate::peer::testing::{PATIENCE, TestCluster};
use crate::server::ClientRoutes;

fn needs_leader<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("hasleader", "true".parse().expect("it is ASCII"));
    request
}

fn own() -> pb::RangeRequest {
    pb::RangeRequest { key: "a".into(), serializable: true, ..Default::default() }
}

fn watch() -> impl futures::Stream<Item = pb::WatchRequest> {
    let create = pb::WatchCreateRequest { key: "a".into(), ..Default::default() };
    let union = pb::watch_request::RequestUnion::CreateRequest(create);
    let request = pb::WatchRequest { request_union: Some(union) };
    futures::stream::StreamExt::chain(futures::stream::iter([request]), futures::stream::pending())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_leader_streams_end_and_requests_are_refused() {
    let mut cluster = TestCluster::in_memory(3).await;
    cluster.leader().await;
    let routes = ClientRoutes::new(cluster.store(0).clone(), CancellationToken::new()).general();
    let (mut kv, mut watches) = (KvClient::new(routes.clone()), WatchClient::new(routes));
    let wait = |what: &'static str| move |_| panic!("in time: {what}");
    let mut bound = watches.watch(needs_leader(watch())).await.expect("it opens").into_inner();
    let mut free = watches.watch(watch()).await.expect("it opens").into_inner();
    for stream in [&mut bound, &mut free] {
        let created = stream.message().await.expect("it goes on").expect("it goes on");
        assert!(created.created);
    }
    kv.range(needs_leader(own())).await.expect("there is a leader");
    cluster.kill(1).await;
    cluster.kill(2).await;
    let end = tokio::time::timeout(PATIENCE, bound.message()).await.unwrap_or_else(wait("end"));
    let refusal = end.expect_err("the stream ends with a refusal");
    let told = (refusal.code(), refusal.message());
    assert_eq!(told, (Code::Unavailable, "etcdserver: no leader"));
    let refusal = kv.range(needs_leader(own())).await.expect_err("there is no leader");
    let told = (refusal.code(), refusal.message());
    assert_eq!(told, (Code::Unavailable, "etcdserver: no leader"));
    // Who did not ask for a leader is served on.
    kv.range(own()).await.expect("a member answers for itself");
    assert!(futures::FutureExt::now_or_never(free.message()).is_none());
    cluster.stop(0).await;
}
