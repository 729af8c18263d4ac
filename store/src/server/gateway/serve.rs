//! HTTP in and out.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use futures::stream;
use http::{Extensions, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use store_proto::reflect::{Message, Method};
use tonic::{Code, Status};

use super::call::{Answers, call, request};
use super::emit::emit;
use super::requests::{Requests, only};
use super::{paths, refusal};
use crate::server::access::{Access, Caller};
use crate::server::auth::common_name;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What every answer of a call has in grpc-gateway: the headers of the call as metadata.
const METADATA: (HeaderName, HeaderValue) = (
    HeaderName::from_static("grpc-metadata-content-type"),
    HeaderValue::from_static("application/grpc"),
);

/// What a client with a certificate is told while certificates name users: the gateway's own
/// connection would make it someone else.
const NAMED_BY_CERTIFICATE: &str = "CommonName of client sending a request against gateway will \
                                    be ignored and not used as expected";

/// Where calls go, and on whose behalf.
#[derive(Clone)]
struct Gateway {
    grpc: Router,
    access: Access,
}

impl Gateway {
    /// As in etcd, nobody whose certificate would name a user is served here.
    fn refuses(&self, extensions: &Extensions) -> bool {
        let store = &self.access.store;
        if !store.config.client_cert_auth || !store.published.state.load().side.auth.enabled {
            return false;
        }
        let caller = Caller { extensions: extensions.clone(), ..Caller::default() };
        common_name(&caller).is_some_and(|name| !name.is_empty())
    }
}

/// Serves `/v3/*` by calls to `grpc`.
pub(in crate::server) fn router(grpc: Router, access: Access) -> Router {
    Router::new()
        .route("/v3/", any(serve))
        .route("/v3/{*path}", any(serve))
        // As etcd has it, for clients of old.
        .route("/v3beta/{*path}", any(serve))
        .with_state(Gateway { grpc, access })
}

async fn serve(State(gateway): State<Gateway>, http: Request) -> Response {
    if gateway.refuses(http.extensions()) {
        return (StatusCode::BAD_REQUEST, format!("{NAMED_BY_CERTIFICATE}\n")).into_response();
    }
    let path = http.uri().path();
    let below = path.strip_prefix("/v3/").or_else(|| path.strip_prefix("/v3beta/"));
    let Some(method) = below.and_then(paths::method) else {
        return refuse(&Status::not_found("Not Found"));
    };
    if http.method() != http::Method::POST {
        return refuse(&Status::unimplemented("Method Not Allowed"));
    }
    let outcome = match method.server_streams {
        true => streamed(gateway, method, http).await,
        false => unary(gateway, method, http).await,
    };
    outcome.unwrap_or_else(|status| refuse(&status))
}

async fn unary(
    gateway: Gateway,
    method: &'static Method,
    http: Request,
) -> Result<Response, Status> {
    let (head, body) = http.into_parts();
    let message = only(method.input, body, gateway.access.message_bytes()).await?;
    let grpc = request(method, &head.headers, &head.extensions, Body::from(message));
    let mut answers = call(gateway.grpc, grpc).await?;
    let none = || Status::internal("the call ended without an answer");
    let answer = answers.next().await?.ok_or_else(none)?;
    let mut text = String::new();
    write(method.output, &answer, &mut text)?;
    Ok(([(header::CONTENT_TYPE, JSON), METADATA], text).into_response())
}

async fn streamed(
    gateway: Gateway,
    method: &'static Method,
    http: Request,
) -> Result<Response, Status> {
    let (head, body) = http.into_parts();
    let body = if method.client_streams {
        let mut requests = Requests::new(method.input, body, gateway.access.message_bytes());
        // What is malformed from the start is refused, where later it only ends the requests.
        let first = requests.next().await?;
        Body::from_stream(requests.frames(first))
    } else {
        Body::from(only(method.input, body, gateway.access.message_bytes()).await?)
    };
    let grpc = request(method, &head.headers, &head.extensions, body);
    let answers = call(gateway.grpc, grpc).await?;
    let lines = Body::from_stream(lines(method.output, answers));
    Ok(([(header::CONTENT_TYPE, JSON), METADATA], lines).into_response())
}

fn write(message: &'static Message, wire: &[u8], out: &mut String) -> Result<(), Status> {
    emit(message, wire, out).map_err(|malformed| Status::internal(malformed.to_string()))
}

/// `{"result":…}` for each message, `{"error":…}` for a bad end.
fn lines(
    message: &'static Message,
    answers: Answers,
) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(Some(answers), move |answers| async move {
        let mut answers = answers?;
        let line = async {
            let Some(answer) = answers.next().await? else { return Ok(None) };
            let mut line = String::from("{\"result\":");
            write(message, &answer, &mut line)?;
            line.push_str("}\n");
            Ok::<_, Status>(Some(line))
        };
        match line.await {
            Ok(Some(line)) => Some((Ok(line.into()), Some(answers))),
            Ok(None) => None,
            Err(status) => {
                let line = format!("{}\n", json!({"error": refusal::body(&status)}));
                Some((Ok(line.into()), None))
            }
        }
    })
}

fn refuse(status: &Status) -> Response {
    let body = refusal::body(status).to_string();
    let http = refusal::http_status(status.code());
    let mut response = (http, [(header::CONTENT_TYPE, JSON)], body).into_response();
    if status.code() == Code::Unauthenticated
        && let Ok(challenge) = HeaderValue::from_str(status.message())
    {
        debug_assert_eq!(http, StatusCode::UNAUTHORIZED);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
