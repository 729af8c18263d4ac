//! A request over plain TCP: to pods, and to the API through `kubectl proxy`.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::follow::Follow;
use crate::wait::PATIENCE;

const CONNECT: Duration = Duration::from_secs(5);

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub code: u16,
    pub body: String,
}

impl Response {
    /// The body of an answer of the API.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// GET `/` of `address`.
pub fn get(address: &str) -> io::Result<Response> {
    request(address, "GET", "/", &[], b"")
}

/// One request on a connection of its own.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let target = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&target, CONNECT)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    // A server that refuses early closes before it has read all; its answer counts.
    let written = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    parse(&answer).ok_or_else(|| match written.and(read.map(|_| ())) {
        Ok(()) => io::Error::other(String::from_utf8_lossy(&answer).into_owned()),
        Err(error) => error,
    })
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { join_chunks(body)? } else { body.to_vec() };
    Some(Response { code, body: String::from_utf8_lossy(&body).into_owned() })
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}

/// `kubectl proxy`: the API over plain HTTP, so that a test decides on every byte of a request.
pub struct Proxy {
    address: String,
    /// Behind a lock that nobody takes, so that threads can share the proxy.
    _process: Mutex<Follow>,
}

impl Proxy {
    pub fn start(cluster: &Cluster) -> Self {
        let process = Follow::start(cluster.kubectl_command(&["proxy", "--port=0"]));
        let line = process.next_line().expect("kubectl proxy says where it listens");
        let address = line.rsplit(' ').next().expect("split gives one part at least").to_owned();
        Self { address, _process: Mutex::new(process) }
    }

    /// Sends a body of some content type.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Response {
        self.try_send(method, path, content_type, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, for when the cluster may be gone.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> io::Result<Response> {
        let headers = [("Content-Type", content_type), ("Accept", "application/json")];
        request(&self.address, method, path, &headers, body)
    }
}
