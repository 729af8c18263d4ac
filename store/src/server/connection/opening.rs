//! The first bytes of a connection: a limit on how long they take, and a repair of one mistake in
//! them.
//!
//! The limit holds until HTTP/2's preface is through. From then on HTTP/2 has pings, and HTTP/1, of
//! which the first byte tells, a limit of its own.
//!
//! Without TLS, etcdctl up to 3.4 names the server by its whole URL for some calls (`endpoint
//! status`, `endpoint hashkv`, `snapshot save`, `defrag`): its `:authority` is `http://host:port`.
//! Go's server takes that; the HTTP/2 library here refuses the request as malformed, before anyone
//! could answer it. So the scheme is overwritten in place, in the first request of the connection,
//! with as many letters that an authority may have, each as long in bits as the one it replaces:
//! neither frames nor the compression state change their size. Rejected: a patched HTTP/2 library.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What an HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
const HEADERS: u8 = 1;

/// HPACK's ways to write a literal with the name `:authority`, which is entry 1 of its table.
const LITERALS: [u8; 3] = [0x41, 0x01, 0x11];
/// `http://` in HPACK's Huffman code: 41 bits. The last one begins the next letter's byte.
const CODED: [u8; 5] = [0x9d, 0x29, 0xae, 0xe3, 0x0c];
/// `httpB--` in the same code, letter by letter as long.
const CODED_REPAIR: [u8; 5] = [0x9d, 0x29, 0xae, 0xea, 0xcb];
const PLAIN: &[u8] = b"http://";
const PLAIN_REPAIR: &[u8] = b"httpB--";

/// A socket until its first bytes are through; then it is only passed on.
pub(in crate::server) struct Opening<S> {
    socket: S,
    greeting: Option<Greeting>,
    repair: Option<Repair>,
}

impl<S> Opening<S> {
    /// The preface must come within `patience`. `repairs` where the client may be old.
    pub(in crate::server) fn new(socket: S, patience: Duration, repairs: bool) -> Self {
        let deadline = Box::pin(tokio::time::sleep(patience));
        let greeting = Some(Greeting { deadline, preface: 0 });
        Self { socket, greeting, repair: repairs.then(Repair::default) }
    }
}

/// What is waited for at first.
struct Greeting {
    deadline: Pin<Box<Sleep>>,
    /// Bytes of the preface that came.
    preface: usize,
}

impl Greeting {
    /// Whether `bytes`, which came next, are the last that are waited for.
    fn ends_with(&mut self, bytes: &[u8]) -> bool {
        let wanted = &PREFACE[self.preface..];
        let same = wanted.iter().zip(bytes).take_while(|(wanted, byte)| wanted == byte).count();
        self.preface += same;
        bytes.is_empty() || same < bytes.len() || self.preface == PREFACE.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if let Some(repair) = &mut self.repair
            && repair.look(&mut buffer.filled_mut()[before..]) == Looked::Done
        {
            self.repair = None;
        }
        let Some(greeting) = &mut self.greeting else { return read };
        if read.is_ready() {
            if greeting.ends_with(&buffer.filled()[before..]) {
                self.greeting = None;
            }
            return read;
        }
        ready!(greeting.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    More,
    /// The first request is through, or this is no HTTP/2.
    Done,
}

/// Where in the stream the reader is.
#[derive(Debug, Default)]
struct Repair {
    /// Bytes of the preface that came.
    preface: usize,
    head: Vec<u8>,
    /// Bytes left of the frame under way, and whether it is the first request's.
    left: usize,
    is_request: bool,
}

impl Repair {
    /// Looks at the next bytes of the stream. A request that comes in pieces is not repaired: Go
    /// writes a request's head at once.
    fn look(&mut self, mut bytes: &mut [u8]) -> Looked {
        while !bytes.is_empty() {
            if self.preface < PREFACE.len() {
                if bytes[0] != PREFACE[self.preface] {
                    return Looked::Done;
                }
                self.preface += 1;
                bytes = &mut bytes[1..];
            } else if self.left > 0 {
                let part = self.left.min(bytes.len());
                let (frame, rest) = bytes.split_at_mut(part);
                if self.is_request {
                    repair(frame);
                }
                self.left -= part;
                if self.is_request && self.left == 0 {
                    return Looked::Done;
                }
                bytes = rest;
            } else {
                self.head.push(bytes[0]);
                bytes = &mut bytes[1..];
                if self.head.len() == FRAME_HEAD {
                    let head = std::mem::take(&mut self.head);
                    self.left = usize::from(head[0]) << 16
                        | usize::from(head[1]) << 8
                        | usize::from(head[2]);
                    self.is_request = head[3] == HEADERS;
                }
            }
        }
        Looked::More
    }
}

/// Overwrites the scheme of an authority in the head of a request, if it has one.
fn repair(frame: &mut [u8]) {
    for at in 0..frame.len().saturating_sub(2 + PLAIN.len()) {
        if !LITERALS.contains(&frame[at]) {
            continue;
        }
        let (length, value) = (frame[at + 1], &mut frame[at + 2..]);
        let is_coded = length & 0x80 != 0;
        if is_coded && value.starts_with(&CODED) && value[CODED.len()] & 0x80 == 0 {
            value[..CODED.len()].copy_from_slice(&CODED_REPAIR);
        } else if !is_coded && value.starts_with(PLAIN) {
            value[..PLAIN.len()].copy_from_slice(PLAIN_REPAIR);
        } else {
            continue;
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("short");
        [&[0, 0, length, kind, 4, 0, 0, 0, 1][..], payload].concat()
    }

    fn stream(authority: &[u8]) -> Vec<u8> {
        let settings = frame(4, b"\x41\x8f\x9d\x29\xae\xe3\x0c\x00\x00");
        let request = frame(HEADERS, &[b"\x83\x86", authority, b"\x40\x01a\x01b"].concat());
        let second = frame(HEADERS, authority);
        [PREFACE, &settings, &request, &second].concat()
    }

    const LATIN: &[u8] = b"\x41\x10http://127.0.0.1";
    const LATIN_REPAIRED: &[u8] = b"\x41\x10httpB--127.0.0.1";
    const HUFFMAN: &[u8] = b"\x41\x8b\x9d\x29\xae\xe3\x0c\x08\x9d\x5c\x0b\x81\x70";
    const HUFFMAN_REPAIRED: &[u8] = b"\x41\x8b\x9d\x29\xae\xea\xcb\x08\x9d\x5c\x0b\x81\x70";

    #[tokio::test(start_paused = true)]
    async fn who_does_not_finish_its_greeting_is_left() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let patience = Duration::from_secs(300);
        for (sent, stays) in [
            (&b""[..], false),
            (&PREFACE[..1], false),
            (&PREFACE[..PREFACE.len() - 1], false),
            (PREFACE, true),
            // Not HTTP/2: whoever reads this has a limit of its own.
            (b"G", true),
            (b"PRINT / HTTP/1.1", true),
        ] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut opening = Opening::new(server, patience, true);
            for byte in sent {
                client.write_all(&[*byte]).await.expect("there is room");
                assert_eq!(opening.read_u8().await.expect("it came in time"), *byte);
            }
            let next = tokio::time::timeout(2 * patience, opening.read_u8()).await;
            let left = next.is_ok_and(|next| {
                next.expect_err("nothing came").kind() == io::ErrorKind::TimedOut
            });
            assert_eq!(left, !stays, "after {sent:?}");
        }
    }

    #[test]
    fn the_first_request_alone_is_repaired() {
        for (sent, repaired) in [(LATIN, LATIN_REPAIRED), (HUFFMAN, HUFFMAN_REPAIRED)] {
            let mut bytes = stream(sent);
            assert_eq!(Repair::default().look(&mut bytes), Looked::Done);
            let mut expected = stream(sent);
            let at = expected.windows(sent.len()).position(|part| part == sent).expect("there");
            expected[at..at + sent.len()].copy_from_slice(repaired);
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn the_stream_may_come_in_any_pieces_before_the_request() {
        let mut whole = stream(LATIN);
        Repair::default().look(&mut whole);
        let request = PREFACE.len() + FRAME_HEAD + 9 + FRAME_HEAD;
        for cut in 0..=request {
            let mut bytes = stream(LATIN);
            let mut repair = Repair::default();
            let (head, rest) = bytes.split_at_mut(cut);
            assert_eq!(repair.look(head), Looked::More);
            assert_eq!(repair.look(rest), Looked::Done);
            assert_eq!(bytes, whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        for bytes in [
            b"GET /health HTTP/1.1\r\nHost: http://a\r\n\r\n".to_vec(),
            stream(b"\x41\x09127.0.0.1"),
            stream(b"\x41\x8b\x08\x9d\x5c\x0b\x81\x70\xe0\x82\x10\x41\x82"),
        ] {
            let mut looked = bytes.clone();
            Repair::default().look(&mut looked);
            assert_eq!(looked, bytes);
        }
    }
}
