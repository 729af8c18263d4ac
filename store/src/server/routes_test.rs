//! What all services have in common, through the routes and without a socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::stream;
use http::Request;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::auth_client::AuthClient;
use store_proto::etcdserverpb::watch_client::WatchClient;
use store_proto::health as health_pb;
use store_proto::health::health_check_response::ServingStatus;
use store_proto::health::health_client::HealthClient;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tower::ServiceExt;

use super::ClientRoutes;
use super::testing::Served;
use crate::{Config, Embedded, PutRequest, Store};

async fn open(config: Config) -> (Arc<Embedded>, CancellationToken, ClientRoutes) {
    let store = Embedded::open(config).await.expect("a store opens");
    let stop = CancellationToken::new();
    (store.clone(), stop.clone(), ClientRoutes::new(store, stop))
}

/// What a gRPC request without a message is refused with.
async fn refusal(routes: Router, path: &str, headers: &[(&str, &str)]) -> (Code, String) {
    let mut request = Request::post(path).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("the request is well-formed");
    let response = routes.oneshot(request).await.expect("routes do not fail");
    assert_eq!(response.status(), 200);
    let status = Status::from_header_map(response.headers()).expect("it is refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn what_is_refused_whatever_its_message() {
    let (store, _, routes) = open(Config::default()).await;
    type Case = (&'static str, &'static [(&'static str, &'static str)], Code, &'static str);
    let cases: [Case; 5] = [
        ("/a.B/C", &[], Code::Unimplemented, "unknown service a.B"),
        (
            "/etcdserverpb.KV/Nothing",
            &[],
            Code::Unimplemented,
            "unknown method Nothing for service etcdserverpb.KV",
        ),
        ("/nothing", &[], Code::Unimplemented, "malformed method name: \"/nothing\""),
        (
            "/etcdserverpb.KV/Range",
            &[("grpc-encoding", "gzip")],
            Code::Unimplemented,
            "grpc: Decompressor is not installed for grpc-encoding \"gzip\"",
        ),
        (
            "/etcdserverpb.KV/Range",
            &[("grpc-encoding", "identity"), ("hasleader", "true")],
            Code::Internal,
            "Missing request message.",
        ),
    ];
    for (path, headers, code, text) in cases {
        let told = refusal(routes.general(), path, headers).await;
        assert_eq!(told, (code, text.to_owned()), "{path} {headers:?}");
    }
    let http = Request::get("/a.B/C").body(Body::empty()).expect("the request is well-formed");
    let response = routes.general().oneshot(http).await.expect("routes do not fail");
    assert_eq!(response.status(), 404);
    store.shutdown().await;
}

#[tokio::test]
async fn health_is_told_and_told_again_when_it_changes() {
    let (store, stop, routes) = open(Config::default()).await;
    let mut health = HealthClient::new(routes.general());
    let of = |service: &str| health_pb::HealthCheckRequest { service: service.to_owned() };
    let answer = health.check(of("")).await.expect("it is told").into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let refused = health.check(of("etcdserverpb.KV")).await.expect_err("it has no name");
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "unknown service"));
    let mut unknown = health.watch(of("x")).await.expect("it is watched").into_inner();
    let told = unknown.message().await.expect("it goes on").expect("it goes on");
    assert_eq!(told.status(), ServingStatus::ServiceUnknown);
    let mut watched = health.watch(of("")).await.expect("it is watched").into_inner();
    let told = watched.message().await.expect("it goes on").expect("it goes on");
    assert_eq!(told.status(), ServingStatus::Serving);
    stop.cancel();
    let told = watched.message().await.expect("it goes on").expect("it goes on");
    assert_eq!(told.status(), ServingStatus::NotServing);
    let answer = health.check(of("")).await.expect("it is told").into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);
    store.shutdown().await;
}

#[tokio::test]
async fn a_quiet_watch_is_told_the_revision_as_often_as_configured() {
    let watch_progress_notify_interval = Duration::from_millis(100);
    let (store, _, routes) =
        open(Config { watch_progress_notify_interval, ..Config::default() }).await;
    let create = |key: &'static str, progress_notify| {
        let create =
            pb::WatchCreateRequest { key: key.into(), progress_notify, ..Default::default() };
        let union = pb::watch_request::RequestUnion::CreateRequest(create);
        pb::WatchRequest { request_union: Some(union) }
    };
    // The client has no more to ask, and is answered on.
    let requests = stream::iter([create("told", true), create("not", false)]);
    let mut watches = WatchClient::new(routes.general());
    let mut answers = watches.watch(requests).await.expect("it opens").into_inner();
    let mut next = async || answers.message().await.expect("it goes on").expect("it goes on");
    for id in 0..2 {
        let created = next().await;
        assert!(created.created && created.watch_id == id);
    }
    assert_eq!(store.published.meters.watch_streams.load(Ordering::Relaxed), 1);
    let put = PutRequest { key: "other".into(), ..PutRequest::default() };
    store.put(put).await.expect("the put is accepted");
    loop {
        let progress = next().await;
        assert!(progress.events.is_empty() && progress.watch_id == 0, "{progress:?}");
        if progress.header.is_some_and(|header| header.revision == 2) {
            break;
        }
    }
    store.shutdown().await;
}

#[tokio::test]
async fn the_gateway_and_origins_are_as_configured() {
    let (store, _, routes) = open(Config::default()).await;
    let ask = async |routes: Router, origin: &str| {
        let request = Request::post("/v3/kv/range").header("origin", origin);
        let request = request.body(Body::from("{\"key\":\"YQ==\"}")).expect("it is well-formed");
        let response = routes.oneshot(request).await.expect("routes do not fail");
        let allowed = response.headers().get("access-control-allow-origin");
        let allowed = allowed.map(|value| value.to_str().expect("it is text").to_owned());
        (response.status().as_u16(), allowed)
    };
    let page = "https://a.example";
    assert_eq!(ask(routes.general(), page).await, (200, Some("*".to_owned())));
    let only = super::Origins::Only([page.to_owned()].into());
    let routes = routes.with_origins(only);
    assert_eq!(ask(routes.http(), page).await, (200, Some(page.to_owned())));
    assert_eq!(ask(routes.http(), "https://b.example").await, (200, None));
    assert_eq!(ask(routes.metrics(), page).await, (404, None));
    assert_eq!(ask(routes.without_gateway().general(), page).await.0, 404);
    store.shutdown().await;
}

/// While certificates name users, the gateway serves nobody who shows one.
#[tokio::test]
async fn the_gateway_refuses_whom_a_certificate_names() {
    let config = Config { client_cert_auth: true, bcrypt_cost: 4, ..Config::default() };
    let served = Served::with(config).await;
    assert_eq!(served.get("/v3/kv/range").await.0, 501);
    let mut auth = AuthClient::new(served.connect().await.channel());
    let root = || "root".to_owned();
    let user = pb::AuthUserAddRequest { name: root(), password: root(), ..Default::default() };
    auth.user_add(user).await.expect("the user is added");
    let grant = pb::AuthUserGrantRoleRequest { user: root(), role: root() };
    auth.user_grant_role(grant).await.expect("the role is granted");
    auth.auth_enable(pb::AuthEnableRequest {}).await.expect("users matter now");
    let (status, body) = served.get("/v3/kv/range").await;
    let told = "CommonName of client sending a request against gateway will be ignored and not \
                used as expected\n";
    assert_eq!((status, body.as_str()), (400, told));
    assert_eq!(served.get("/health").await.0, 200);
    served.stop().await;
}
