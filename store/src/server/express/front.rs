//! What a listener serves: the short way first, then everything else.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::kv_server::Kv;
use store_proto::reflect;
use tower::{Service, ServiceExt};

use super::body::FrontBody;
use super::unary::answer;
use crate::server::calls::CallLayer;
use crate::server::connection::Unsent;
use crate::server::kv::KvService;

/// Keys of a range from which on it is read beside its connection, which would otherwise answer
/// nothing else meanwhile.
const LONG_RANGE: i64 = 100;

/// The calls that go the short way.
#[derive(Clone)]
pub(in crate::server) struct Express {
    kv: Arc<KvService>,
    layer: CallLayer,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<FrontBody>, Infallible>> + Send>>;

impl Express {
    pub(in crate::server) fn new(kv: KvService, layer: CallLayer) -> Self {
        Self { kv: Arc::new(kv), layer }
    }

    /// Answers a request, or gives it back if it goes the general way.
    #[expect(clippy::result_large_err, reason = "what is given back is the request itself")]
    fn take<B>(&self, request: Request<B>) -> Result<Answer, Request<B>>
    where
        B: Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        let path = request.uri().path();
        let Some(method) = path.strip_prefix("/etcdserverpb.KV/") else { return Err(request) };
        if !matches!(method, "Range" | "Put" | "Txn" | "DeleteRange") {
            return Err(request);
        }
        let Some(at) = reflect::index(path) else { return Err(request) };
        let (kv, layer) = (Arc::clone(&self.kv), self.layer.clone());
        Ok(match method {
            "Range" => Box::pin(answer(layer, at, request, move |request| range(kv, request))),
            "Put" => {
                Box::pin(answer(
                    layer,
                    at,
                    request,
                    move |request| async move { kv.put(request).await },
                ))
            }
            "Txn" => {
                Box::pin(answer(
                    layer,
                    at,
                    request,
                    move |request| async move { kv.txn(request).await },
                ))
            }
            _ => Box::pin(answer(layer, at, request, move |request| async move {
                kv.delete_range(request).await
            })),
        })
    }
}

async fn range(
    kv: Arc<KvService>,
    request: tonic::Request<pb::RangeRequest>,
) -> Result<tonic::Response<pb::RangeResponse>, tonic::Status> {
    let range = request.get_ref();
    let short = range.range_end.is_empty() || (1..LONG_RANGE).contains(&range.limit);
    if short {
        return kv.range(request).await;
    }
    let room = match request.extensions().get::<Unsent>().cloned() {
        Some(unsent) => Some(unsent.long_range().await),
        None => None,
    };
    let beside = tokio::spawn(async move { kv.range(request).await });
    let answer = beside.await;
    let answer = answer.unwrap_or_else(|error| Err(tonic::Status::internal(error.to_string())));
    answer.map(|mut answer| {
        if let Some(room) = room {
            answer.extensions_mut().insert(room);
        }
        answer
    })
}

/// A listener's service.
#[derive(Clone)]
pub struct Front {
    express: Option<Express>,
    rest: Router,
}

impl Front {
    pub(in crate::server) fn new(express: Express, rest: Router) -> Self {
        Self { express: Some(express), rest }
    }
}

impl From<Router> for Front {
    fn from(rest: Router) -> Self {
        Self { express: None, rest }
    }
}

impl<B> Service<Request<B>> for Front
where
    B: Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    type Response = Response<FrontBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(())) // As a router is.
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = match &self.express {
            None => request,
            Some(express) => match express.take(request) {
                Ok(answer) => return answer,
                Err(request) => request,
            },
        };
        let answer = self.rest.clone().oneshot(request);
        Box::pin(async move { Ok(answer.await?.map(FrontBody::Any)) })
    }
}
