//! The one service beneath all generated clients: it connects to the first endpoint that answers,
//! goes on to the next when one fails, and logs in.
//!
//! What is sent again, and what not: a request whose client sends one message is kept until it is
//! answered. It is repeated with a new token when the server does not know the old one, because
//! nothing has happened then. Towards another endpoint it is repeated only when it merely reads,
//! or when it never left: a write whose answer was lost may have happened, and only the user knows
//! whether it may happen twice. Requests that stream from the client (watches and keep-alives) are
//! taken up again by the commands, which know where they were.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use store_proto::etcdserverpb as pb;
use tokio::sync::Mutex;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use super::Login;
use super::address::Address;
use super::dial::{Dialer, innermost};
use crate::failure::{Failure, Kind};

/// Paths whose clients send a stream, which cannot be kept for a second try.
const STREAMING: [&str; 2] = ["/etcdserverpb.Watch/Watch", "/etcdserverpb.Lease/LeaseKeepAlive"];

/// Paths that change nothing.
const READING: [&str; 12] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.Cluster/MemberList",
    "/etcdserverpb.Lease/LeaseTimeToLive",
    "/etcdserverpb.Lease/LeaseLeases",
    "/etcdserverpb.Maintenance/Status",
    "/etcdserverpb.Maintenance/HashKV",
    "/etcdserverpb.Maintenance/Snapshot",
    "/etcdserverpb.Auth/AuthStatus",
    "/etcdserverpb.Auth/UserGet",
    "/etcdserverpb.Auth/UserList",
    "/etcdserverpb.Auth/RoleGet",
    "/etcdserverpb.Auth/RoleList",
];

/// Times that one request is sent with a new token before the refusal stands.
const TOKEN_RENEWALS: usize = 1;

#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    addresses: Vec<Address>,
    dialer: Dialer,
    login: Login,
    limits: Limits,
    debug: bool,
    state: Mutex<State>,
}

/// Bytes of one message.
#[derive(Clone, Copy)]
pub struct Limits {
    pub send: usize,
    pub receive: usize,
}

struct State {
    /// The endpoint in use, or the one to try next.
    at: usize,
    channel: Option<Channel>,
    token: Option<HeaderValue>,
}

/// What a request is sent with.
struct Ready {
    at: usize,
    /// The endpoint as it was written.
    endpoint: String,
    channel: Channel,
    token: Option<HeaderValue>,
}

/// What a refusal calls for.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    None,
    NewToken,
    OtherEndpoint,
}

impl Session {
    pub(super) fn new(
        addresses: Vec<Address>,
        dialer: Dialer,
        login: Login,
        limits: Limits,
        debug: bool,
    ) -> Self {
        let state = Mutex::new(State { at: 0, channel: None, token: None });
        Self { shared: Arc::new(Shared { addresses, dialer, login, limits, debug, state }) }
    }

    /// Connects now, to tell early and clearly when nothing answers.
    pub async fn ready(self) -> anyhow::Result<Self> {
        // Only a server that refuses the user answers otherwise than by not being there.
        let failure = |status: Status| match status.code() {
            tonic::Code::Unavailable => anyhow::anyhow!(status.message().to_owned()),
            _ => Failure::new(Kind::Connection, status.message()).into(),
        };
        self.shared.ready().await.map_err(failure)?;
        Ok(self)
    }

    /// Asks for a new token before the next request: the server does not know the old one.
    pub async fn forget_token(&self) {
        self.shared.forget_token().await;
    }

    pub fn kv(&self) -> pb::kv_client::KvClient<Self> {
        pb::kv_client::KvClient::new(self.clone())
            .max_encoding_message_size(self.shared.limits.send)
            .max_decoding_message_size(self.shared.limits.receive)
    }

    pub fn watch(&self) -> pb::watch_client::WatchClient<Self> {
        pb::watch_client::WatchClient::new(self.clone())
            .max_decoding_message_size(self.shared.limits.receive)
    }

    pub fn lease(&self) -> pb::lease_client::LeaseClient<Self> {
        pb::lease_client::LeaseClient::new(self.clone())
            .max_decoding_message_size(self.shared.limits.receive)
    }

    pub fn cluster(&self) -> pb::cluster_client::ClusterClient<Self> {
        pb::cluster_client::ClusterClient::new(self.clone())
    }

    pub fn maintenance(&self) -> pb::maintenance_client::MaintenanceClient<Self> {
        pb::maintenance_client::MaintenanceClient::new(self.clone())
            .max_decoding_message_size(self.shared.limits.receive)
    }

    pub fn auth(&self) -> pb::auth_client::AuthClient<Self> {
        pb::auth_client::AuthClient::new(self.clone())
    }
}

impl Shared {
    /// A connection with a token: those there are, or new ones. Every endpoint is tried once.
    async fn ready(&self) -> Result<Ready, Status> {
        let mut state = self.state.lock().await;
        if state.channel.is_none() {
            let (at, channel) = self.connect(state.at).await?;
            (state.at, state.channel) = (at, Some(channel));
        }
        let Some(channel) = state.channel.clone() else {
            return Err(Status::unavailable("no endpoint is connected"));
        };
        if state.token.is_none() {
            state.token = self.log_in(channel.clone()).await?;
        }
        let endpoint = self.addresses[state.at].written.clone();
        Ok(Ready { at: state.at, endpoint, channel, token: state.token.clone() })
    }

    async fn connect(&self, first: usize) -> Result<(usize, Channel), Status> {
        let mut reasons = Vec::new();
        for at in (0..self.addresses.len()).map(|step| (first + step) % self.addresses.len()) {
            let address = &self.addresses[at];
            if self.debug {
                eprintln!("connecting to {}", address.written);
            }
            match self.dialer.connect(address).await {
                Ok(channel) => return Ok((at, channel)),
                Err(reason) => reasons.push(format!("{}: {reason}", address.written)),
            }
        }
        Err(Status::unavailable(format!(
            "cannot connect to {}; is the store running there, and do the certificates belong \
             to it?",
            reasons.join("; ")
        )))
    }

    /// The token to send. A server without authentication wants none.
    async fn log_in(&self, channel: Channel) -> Result<Option<HeaderValue>, Status> {
        let token = match &self.login {
            Login::Nobody => return Ok(None),
            Login::Token(token) => token.clone(),
            Login::User { name, password } => {
                let request =
                    pb::AuthenticateRequest { name: name.clone(), password: password.clone() };
                let mut client = pb::auth_client::AuthClient::new(channel);
                match client.authenticate(request).await {
                    Ok(response) => response.into_inner().token,
                    Err(status) if status.message().contains("authentication is not enabled") => {
                        return Ok(None);
                    }
                    Err(status) => return Err(status),
                }
            }
        };
        let value = HeaderValue::try_from(token)
            .map_err(|_| Status::invalid_argument("the token is not made of visible characters"))?;
        Ok(Some(value))
    }

    /// Leaves an endpoint that failed, unless another request has done so already.
    async fn leave(&self, at: usize) {
        let mut state = self.state.lock().await;
        if state.at == at {
            state.at = (at + 1) % self.addresses.len();
            state.channel = None;
        }
    }

    async fn forget_token(&self) {
        self.state.lock().await.token = None;
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        if STREAMING.contains(&request.uri().path()) {
            let ready = self.ready().await?;
            let answer = send_with(&ready, request).await;
            match remedy_of(&answer) {
                Remedy::NewToken => self.forget_token().await,
                Remedy::OtherEndpoint => self.leave(ready.at).await,
                Remedy::None => {}
            }
            return answer;
        }
        let (parts, body) = request.into_parts();
        let reads = READING.contains(&parts.uri.path());
        let body = body.collect().await?.to_bytes();
        let (mut renewals, mut moves) = (0, 0);
        loop {
            let ready = self.ready().await?;
            let again = Request::from_parts(parts.clone(), whole(body.clone()));
            let answer = send_with(&ready, again).await;
            match remedy_of(&answer) {
                Remedy::NewToken
                    if renewals < TOKEN_RENEWALS && matches!(self.login, Login::User { .. }) =>
                {
                    renewals += 1;
                    self.forget_token().await;
                }
                Remedy::OtherEndpoint if reads && moves + 1 < self.addresses.len() => {
                    moves += 1;
                    self.leave(ready.at).await;
                }
                Remedy::OtherEndpoint => {
                    self.leave(ready.at).await;
                    return answer;
                }
                Remedy::NewToken | Remedy::None => return answer,
            }
        }
    }
}

fn whole(body: Bytes) -> Body {
    Body::new(Full::new(body))
}

async fn send_with(ready: &Ready, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    if let Some(token) = &ready.token {
        request.headers_mut().insert("token", token.clone());
    }
    let mut channel = ready.channel.clone();
    let answer = async { channel.ready().await?.call(request).await };
    answer.await.map_err(|error| {
        Status::unavailable(format!(
            "the connection to {} failed: {}; does it speak TLS, does it want a client \
             certificate, or has it just stopped?",
            ready.endpoint,
            innermost(&error)
        ))
    })
}

/// A connection that failed is no better than an endpoint that says it cannot.
fn remedy_of(answer: &Result<Response<Body>, Status>) -> Remedy {
    answer.as_ref().map_or(Remedy::OtherEndpoint, |response| remedy(response.headers()))
}

/// Refusals stand in the headers when nothing else is answered.
fn remedy(headers: &HeaderMap) -> Remedy {
    let Some(status) = Status::from_header_map(headers) else { return Remedy::None };
    const OUTDATED: [&str; 3] = [
        "etcdserver: invalid auth token",
        "etcdserver: revision of auth store is old",
        "etcdserver: user name is empty",
    ];
    match status.code() {
        tonic::Code::Unavailable => Remedy::OtherEndpoint,
        _ if OUTDATED.contains(&status.message()) => Remedy::NewToken,
        _ => Remedy::None,
    }
}

impl Service<Request<Body>> for Session {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.send(request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_call_for_remedies() {
        let cases = [
            (Status::unauthenticated("etcdserver: invalid auth token"), Remedy::NewToken),
            (Status::invalid_argument("etcdserver: user name is empty"), Remedy::NewToken),
            (Status::unavailable("etcdserver: no leader"), Remedy::OtherEndpoint),
            (Status::permission_denied("etcdserver: permission denied"), Remedy::None),
        ];
        for (status, expected) in cases {
            let mut headers = HeaderMap::new();
            status.add_header(&mut headers).expect("a status can be a header");
            assert_eq!(remedy(&headers), expected, "{status}");
        }
        assert_eq!(remedy(&HeaderMap::new()), Remedy::None);
    }
}
