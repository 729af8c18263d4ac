//! HTTP/2 frame by frame, for what no library does.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::member::PATIENCE;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head[..], payload].concat()
}

/// The head of a call, uncompressed.
fn call_head(path: &str) -> Vec<u8> {
    let mut head = vec![0x83, 0x86]; // POST, http
    let mut text = |name: &[u8], value: &str| {
        head.extend_from_slice(name);
        head.push(u8::try_from(value.len()).expect("a value is short"));
        head.extend_from_slice(value.as_bytes());
    };
    text(&[0x04], path);
    text(&[0x01], "localhost");
    text(&[0x0f, 0x10], "application/grpc");
    text(&[0x00, 2, b't', b'e'], "trailers");
    head
}

/// A call's head and, if it has one, its only message.
pub fn call(stream: u32, path: &str, message: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = frame(HEADERS, END_HEADERS, stream, &call_head(path));
    if let Some(message) = message {
        let length = u32::try_from(message.len()).expect("a message is small").to_be_bytes();
        let body = [&[0][..], &length, message].concat();
        bytes.extend(frame(DATA, END_STREAM, stream, &body));
    }
    bytes
}

/// A connection that has been greeted.
pub fn connect(port: u16) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    socket.set_write_timeout(Some(PATIENCE)).expect("a time can be set");
    let greeting = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    socket.write_all(&greeting).expect("it is taken");
    socket
}

/// Reads and drops what comes, until the server ends the connection.
pub fn drain(mut socket: TcpStream) -> io::Result<u64> {
    io::copy(&mut Read::by_ref(&mut socket), &mut io::sink())
}
