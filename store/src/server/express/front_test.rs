//! The short way answers as the general way does.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use prost::Message;
use store_proto::etcdserverpb as pb;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use crate::server::ClientRoutes;
use crate::{Config, Embedded, PutRequest, Store};

/// What a call answered: how it ended, and its bytes.
#[derive(Debug, PartialEq)]
struct Answer {
    code: Code,
    message: String,
    body: Vec<u8>,
}

/// Sends `pieces` as the body of a call.
async fn ask<S, B>(way: S, path: &str, pieces: &[&[u8]]) -> Answer
where
    S: Service<Request<Body>, Response = Response<B>, Error = std::convert::Infallible>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let pieces: Vec<_> =
        pieces.iter().map(|piece| Ok::<_, axum::Error>(Bytes::copy_from_slice(piece))).collect();
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from_stream(futures::stream::iter(pieces)))
        .expect("the request is well-formed");
    let response = way.oneshot(request).await.expect("a way does not fail");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let mut status = Status::from_header_map(response.headers());
    let (mut body, mut bytes) = (Body::new(response.into_body()), Vec::new());
    while let Some(frame) = next(&mut body).await {
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => {
                let trailers: HeaderMap = frame.into_trailers().expect("the rest are trailers");
                assert!(status.is_none(), "a call ends once");
                status = Status::from_header_map(&trailers);
            }
        }
    }
    let status = status.expect("every call says how it ended");
    Answer { code: status.code(), message: status.message().to_owned(), body: bytes }
}

async fn next(body: &mut Body) -> Option<Frame<Bytes>> {
    use http_body::Body as _;
    let mut body = std::pin::Pin::new(body);
    let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
    frame.map(|frame| frame.expect("the body does not fail"))
}

/// A message with its prefix.
fn framed(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&(encoded.len() as u32).to_be_bytes());
    framed.extend_from_slice(&encoded);
    framed
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let config = Config { max_request_bytes: 1024, ..Config::default() };
    let store = Embedded::open(config).await.expect("a store opens");
    let put = |key: &'static str| PutRequest { key: key.into(), ..PutRequest::default() };
    for key in ["a", "b", "c"] {
        store.put(put(key)).await.expect("it is put");
    }
    let routes = ClientRoutes::new(store.clone(), CancellationToken::new());
    let get = framed(&pb::RangeRequest { key: "a".into(), ..Default::default() });
    let all =
        framed(&pb::RangeRequest { key: "a".into(), range_end: "z".into(), ..Default::default() });
    let future = pb::RangeRequest { key: "a".into(), revision: 99, ..Default::default() };
    let future = framed(&future);
    let nothing = framed(&pb::RangeRequest::default());
    let compressed = [&[1], &get[1..]].concat();
    let too_large = [0, 0xff, 0, 0, 0];
    let (range, read) = ("/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn");
    let only_reads = framed(&pb::TxnRequest::default());
    let put_nothing = framed(&pb::PutRequest::default());
    let cases: Vec<(&str, Vec<&[u8]>)> = vec![
        (range, vec![&get]),
        (range, vec![&get[..3], &get[3..6], &get[6..]]),
        (range, vec![&all]),
        (range, vec![&future]),
        (range, vec![&nothing]),
        (range, vec![&[0, 0, 0, 0, 2, 0xff, 0xff]]),
        (range, vec![&too_large]),
        (range, vec![&compressed]),
        (read, vec![&only_reads]),
        ("/etcdserverpb.KV/Put", vec![&put_nothing]),
        ("/etcdserverpb.KV/DeleteRange", vec![&nothing]),
    ];
    for (path, pieces) in cases {
        let short = ask(routes.all(), path, &pieces).await;
        let general = ask(routes.general(), path, &pieces).await;
        assert_eq!(short, general, "{path} {pieces:?}");
    }
    // What no client sends; the ways word it differently.
    for pieces in [&[][..], &[&get[..4]], &[&get[..7]]] {
        let short = ask(routes.all(), range, pieces).await;
        let general = ask(routes.general(), range, pieces).await;
        assert_eq!((short.code, general.code), (Code::Internal, Code::Internal), "{pieces:?}");
    }
    store.shutdown().await;
}
