//! Connections that say nothing, or stop half-way.

use std::io::Write;
use std::net::TcpStream;

use super::raw;
use super::target::{MIB, Target};

/// Of each kind.
const CONNECTIONS: usize = 100;
/// What one of them may take: its task, HTTP/2's buffers, and what the allocator rounds up to.
const CONNECTION_BYTES: u64 = 128 << 10;
/// The first bytes of a TLS client, which never says more.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_say_nothing_keep_nobody_out() {
    let target = Target::start();
    target.serves().await;
    let before = target.resident();
    let settings = raw::frame(raw::SETTINGS, 0, 0, &[]);
    let half_a_call = raw::call(1, "/etcdserverpb.KV/Put", None);
    let half_a_head = &half_a_call[..half_a_call.len() / 2];
    let beginnings: [&[u8]; 7] = [
        b"",
        HALF_A_HELLO,
        &raw::PREFACE[..10],
        raw::PREFACE,
        &[raw::PREFACE, &settings, half_a_head].concat(),
        &[raw::PREFACE, &settings, &half_a_call].concat(),
        b"POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{\"key\":\"",
    ];
    let mut held = Vec::new();
    for port in [target.client, target.peer] {
        for beginning in beginnings {
            for _ in 0..CONNECTIONS {
                // Who is turned away at once holds nothing either.
                let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let _ = socket.write_all(beginning);
                held.push(socket);
            }
        }
        target.serves().await;
    }
    target.assert_grown_less(before, held.len() as u64 * CONNECTION_BYTES + 16 * MIB);
}
