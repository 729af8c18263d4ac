//! HTTP/2 as a gRPC client needs it: frames out of one buffer and into another.
//!
//! Headers of answers are never decoded. A call that succeeded has a message, one that failed has none,
//! and that is all a benchmark wants to know.

use std::collections::HashMap;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;
/// What every peer accepts in one frame.
const MAX_FRAME: usize = 16_384;
/// Window of each stream and of the connection, so large that the server never waits for the client's.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;
/// The connection's window is filled up after so many bytes.
const REPLENISH: u32 = 64 << 20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// What a server sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Data {
        stream: u32,
        bytes: &'a [u8],
        end: bool,
    },
    Head {
        stream: u32,
        end: bool,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    GoAway {
        code: u32,
        reason: &'a [u8],
    },
    /// A window grew: what was held back may fit now.
    Window,
    /// Dealt with.
    Other,
}

/// One connection's protocol state and what it wants to send.
pub struct Http2 {
    pub out: Vec<u8>,
    next_stream: u32,
    /// Bytes of messages that the server takes now.
    window: i64,
    initial_window: i64,
    /// Windows of streams that stay open.
    windows: HashMap<u32, i64>,
    received: u32,
    authority: String,
    tls: bool,
    /// Header fields in the dynamic table, in the order of entry.
    table: Vec<(&'static str, String)>,
}

impl Http2 {
    pub fn new(authority: &str, tls: bool) -> Self {
        let mut http = Self {
            out: PREFACE.to_vec(),
            next_stream: 1,
            window: 65_535,
            initial_window: 65_535,
            windows: HashMap::new(),
            received: 0,
            authority: authority.to_owned(),
            tls,
            table: Vec::new(),
        };
        http.frame(SETTINGS, 0, 0, 12);
        for (setting, value) in [(2u16, 0u32), (4, STREAM_WINDOW)] {
            http.out.extend(setting.to_be_bytes());
            http.out.extend(value.to_be_bytes());
        }
        http.window_update(0, CONNECTION_WINDOW);
        http
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, length: usize) {
        let length = u32::try_from(length).expect("frames are cut to their limit").to_be_bytes();
        self.out.extend_from_slice(&length[1..]);
        self.out.extend_from_slice(&[kind, flags]);
        self.out.extend_from_slice(&stream.to_be_bytes());
    }

    fn window_update(&mut self, stream: u32, increment: u32) {
        self.frame(WINDOW_UPDATE, 0, stream, 4);
        self.out.extend(increment.to_be_bytes());
    }

    /// Whether a message of `length` may be sent on a new stream now.
    pub fn takes(&self, length: usize) -> bool {
        let length = (length + 5) as i64;
        length <= self.window && length <= self.initial_window
    }

    /// Begins a call and sends its only message. The server [`takes`](Self::takes) it.
    pub fn call(&mut self, path: &'static str, message: &[u8]) -> u32 {
        let stream = self.head(path);
        self.message(stream, message, true);
        stream
    }

    /// Begins a call that stays open.
    pub fn open(&mut self, path: &'static str) -> u32 {
        let stream = self.head(path);
        self.windows.insert(stream, self.initial_window);
        stream
    }

    /// Sends a message on an open call if its windows allow.
    pub fn send(&mut self, stream: u32, message: &[u8]) -> bool {
        let length = (message.len() + 5) as i64;
        let Some(window) = self.windows.get_mut(&stream) else { return false };
        if length > self.window || length > *window {
            return false;
        }
        *window -= length;
        self.message(stream, message, false);
        true
    }

    /// Lets the server send `bytes` more on an open call, for that many were read.
    pub fn replenish(&mut self, stream: u32, bytes: u32) {
        self.window_update(stream, bytes);
    }

    fn message(&mut self, stream: u32, message: &[u8], end: bool) {
        self.window -= (message.len() + 5) as i64;
        let mut prefix = [0; 5];
        let length = u32::try_from(message.len()).expect("messages are small");
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        // The prefix rides in the first frame.
        let first = message.len().min(MAX_FRAME - prefix.len());
        let (head, mut rest) = message.split_at(first);
        let flag = |last: bool| if last && end { END_STREAM } else { 0 };
        self.frame(DATA, flag(rest.is_empty()), stream, head.len() + prefix.len());
        self.out.extend_from_slice(&prefix);
        self.out.extend_from_slice(head);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(MAX_FRAME));
            self.frame(DATA, flag(after.is_empty()), stream, piece.len());
            self.out.extend_from_slice(piece);
            rest = after;
        }
    }

    fn head(&mut self, path: &'static str) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let at = self.out.len();
        self.frame(HEADERS, END_HEADERS, stream, 0);
        self.out.extend([0x80 | 3, 0x80 | if self.tls { 7 } else { 6 }]);
        self.field(":path", 4, path);
        let authority = self.authority.clone();
        self.field(":authority", 1, &authority);
        self.field("content-type", 31, "application/grpc");
        self.field("te", 0, "trailers");
        self.field("user-agent", 58, "grpc-go/1.79.0");
        let length = u32::try_from(self.out.len() - at - FRAME_HEAD).expect("heads are small");
        self.out[at..at + 3].copy_from_slice(&length.to_be_bytes()[1..]);
        stream
    }

    /// Adds a header field, by its index where the connection has seen it.
    fn field(&mut self, name: &'static str, static_name: u8, value: &str) {
        if let Some(at) = self.table.iter().position(|entry| entry.0 == name && entry.1 == value) {
            let index = 62 + self.table.len() - 1 - at;
            // All indices fit the seven bits of a short form: there are few entries.
            return self.out.push(0x80 | u8::try_from(index).expect("the table is small"));
        }
        self.out.push(0x40 | static_name);
        if static_name == 0 {
            self.string(name);
        }
        self.string(value);
        self.table.push((name, value.to_owned()));
    }

    fn string(&mut self, value: &str) {
        let length = u8::try_from(value.len()).ok().filter(|length| *length < 127);
        self.out.push(length.expect("header fields are short"));
        self.out.extend_from_slice(value.as_bytes());
    }

    /// Takes the first frame off `input`: what it says, and its length. `None`: not all of it is there.
    pub fn receive<'a>(&mut self, input: &'a [u8]) -> Option<(Frame<'a>, usize)> {
        let head = input.get(..FRAME_HEAD)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let stream = number(&head[5..]) & 0x7fff_ffff;
        let payload = input.get(FRAME_HEAD..FRAME_HEAD + length)?;
        let end = flags & END_STREAM != 0;
        let frame = match kind {
            DATA => {
                self.received += length as u32;
                if self.received >= REPLENISH {
                    let received = std::mem::take(&mut self.received);
                    self.window_update(0, received);
                }
                let bytes = match payload.split_first() {
                    Some((padding, rest)) if flags & PADDED != 0 => {
                        &rest[..rest.len().saturating_sub(usize::from(*padding))]
                    }
                    _ => payload,
                };
                Frame::Data { stream, bytes, end }
            }
            HEADERS => Frame::Head { stream, end },
            RESET if length >= 4 => Frame::Reset { stream, code: number(payload) },
            GO_AWAY if length >= 8 => {
                Frame::GoAway { code: number(&payload[4..]), reason: &payload[8..] }
            }
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if setting[..2] == [0, 4] {
                        let new = i64::from(number(&setting[2..]));
                        let change = new - self.initial_window;
                        self.initial_window = new;
                        self.windows.values_mut().for_each(|window| *window += change);
                    }
                }
                self.frame(SETTINGS, ACK, 0, 0);
                Frame::Window
            }
            PING if flags & ACK == 0 => {
                self.frame(PING, ACK, 0, length);
                self.out.extend_from_slice(payload);
                Frame::Other
            }
            WINDOW_UPDATE if length >= 4 => {
                let increment = i64::from(number(payload) & 0x7fff_ffff);
                if stream == 0 {
                    self.window += increment;
                } else if let Some(window) = self.windows.get_mut(&stream) {
                    *window += increment;
                }
                Frame::Window
            }
            _ => Frame::Other,
        };
        Some((frame, FRAME_HEAD + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_sent_in_full_once() {
        let mut http = Http2::new("127.0.0.1:2379", true);
        http.out.clear();
        assert_eq!(http.call("/etcdserverpb.KV/Put", b"abc"), 1);
        let first = std::mem::take(&mut http.out).len();
        assert_eq!(http.call("/etcdserverpb.KV/Put", b"abc"), 3);
        // Two static fields and five of the dynamic table, the message and its prefix.
        assert_eq!(http.out.len(), FRAME_HEAD + 7 + FRAME_HEAD + 5 + 3);
        assert!(first > 80);
        assert_eq!(&http.out[FRAME_HEAD..FRAME_HEAD + 7], [0x83, 0x87, 194, 193, 192, 191, 190]);
    }

    #[test]
    fn long_messages_are_cut_and_count_against_the_window() {
        let mut http = Http2::new("a", false);
        http.out.clear();
        http.call("/p", &[1; 40_000]);
        assert_eq!(http.window, 65_535 - 40_005);
        assert!(http.takes(25_000) && !http.takes(26_000));
        let (mut at, mut sizes) = (0, Vec::new());
        while at < http.out.len() {
            let head = &http.out[at..];
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            sizes.push((head[3], length, head[4]));
            at += FRAME_HEAD + length;
        }
        let data: Vec<_> = sizes.into_iter().filter(|(kind, ..)| *kind == DATA).collect();
        assert_eq!(data, [(0, 16_384, 0), (0, 16_384, 0), (0, 7_237, 1)]);
    }

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let mut http = Http2::new("a", false);
        http.out.clear();
        let ping = [0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert!(http.receive(&ping[..16]).is_none());
        assert_eq!(http.receive(&ping), Some((Frame::Other, 17)));
        assert_eq!(http.out[4], ACK);
        let data = [0, 0, 2, DATA, END_STREAM, 0, 0, 0, 5, 9, 8];
        let expected = Frame::Data { stream: 5, bytes: &[9, 8], end: true };
        assert_eq!(http.receive(&data), Some((expected, 11)));
        let window = [0, 0, 4, WINDOW_UPDATE, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        assert_eq!(http.receive(&window), Some((Frame::Window, 13)));
        assert_eq!(http.window, 65_535 + 256);
    }
}
