//! Requests over TLS, each on a connection of its own, as somebody who reads files just then.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use certs::Pair;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::member::until;

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

pub fn connect(port: u16, ca: &str, pair: Option<&Pair>) -> Result<Stream, String> {
    let config = certs::client_config(ca, pair).map_err(|error| error.to_string())?;
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let mut client = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
    let mut socket =
        TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?;
    client.complete_io(&mut socket).map_err(|error| format!("handshake: {error}"))?;
    Ok(StreamOwned::new(client, socket))
}

/// Sends a request and leaves the answer to be read.
pub fn send(stream: &mut Stream, method: &str, path: &str, body: &str) -> Result<(), String> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).map_err(|error| format!("send: {error}"))
}

/// The status and what follows it.
pub fn ask(
    port: u16,
    ca: &str,
    pair: Option<&Pair>,
    (method, path, body): (&str, &str, &str),
) -> Result<(u16, String), String> {
    let mut stream = connect(port, ca, pair)?;
    send(&mut stream, method, path, body)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // Not every server says goodbye.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && !answer.is_empty() => {}
        Err(error) => return Err(format!("answer: {error}")),
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.map(|status| (status, text.clone())).ok_or(format!("no status in {text:?}"))
}

pub fn get(port: u16, ca: &str, pair: Option<&Pair>, path: &str) -> Result<u16, String> {
    ask(port, ca, pair, ("GET", path, "")).map(|(status, _)| status)
}

/// A pair as its files are, whole: they are replaced one after the other.
pub fn read_pair(directory: &Path, name: &str) -> Pair {
    until("a whole pair", || {
        let read =
            |end: &str| std::fs::read_to_string(directory.join(format!("{name}.{end}"))).ok();
        let pair = Pair { certificate: read("crt")?, key: read("key")? };
        let whole = certs::client_config(&pair.certificate, Some(&pair)).is_ok();
        whole.then_some(pair)
    })
}
