//! Clients that ask and do not read.

use std::io::Write;
use std::net::TcpStream;

use store::{KeyRange, Store, WatchRequest};

use super::raw;
use super::target::{MIB, Target, put};

const VALUE_BYTES: usize = 64 << 10;
/// So that an answer with all of them has 8 MiB.
const VALUES: usize = 128;
const CONNECTIONS: usize = 8;
/// Asked for on each connection: 8 GiB in all.
const ASKED: u32 = 128;
/// What a connection may hold: an answer that is written out, what the allocator keeps of the one
/// before, buffers.
const CONNECTION_BYTES: u64 = 24 << 20;

/// `Range` of everything.
const EVERYTHING: &[u8] = &[0x0a, 1, 0, 0x12, 1, 0];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_no_answers_holds_few_of_them() {
    let target = Target::start();
    let store = target.connect().await;
    for number in 0..VALUES {
        put(&store, &format!("value/{number}"), &vec![1; VALUE_BYTES]).await;
    }
    let before = target.resident();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = raw::connect(target.client);
        for number in 0..ASKED {
            let ask = raw::call(2 * number + 1, "/etcdserverpb.KV/Range", Some(EVERYTHING));
            socket.write_all(&ask).expect("it is taken");
        }
        held.push(socket);
        target.serves().await;
    }
    target.assert_grown_less(before, CONNECTIONS as u64 * CONNECTION_BYTES);
    drop(held);
    target.serves().await;
}

const WATCH_CONNECTIONS: usize = 4;
const WATCHERS: u32 = 1000;
const WRITES: usize = 2000;
/// What a watcher alone on its stream may hold: 1024 items that share their events, 64 answers, two
/// pieces of 32 KiB written out, its task; and what the allocator rounds up to.
const WATCHER_BYTES: u64 = 192 << 10;

/// A stream of watches with one on everything: create { key: "\0", range_end: "\0" }.
fn watch(stream: u32) -> Vec<u8> {
    let create = [0x0a, 6, 0x0a, 1, 0, 0x12, 1, 0];
    let body = [&[0, 0, 0, 0, create.len() as u8][..], &create].concat();
    let mut bytes = raw::call(stream, "/etcdserverpb.Watch/Watch", None);
    bytes.extend(raw::frame(raw::DATA, 0, stream, &body));
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_watchers_that_never_read_hold_up_nobody() {
    let target = Target::start();
    let store = target.connect().await;
    let range = KeyRange::prefix("write/");
    let mut reader =
        store.watch(WatchRequest { range, start_revision: 1 }).await.expect("it watches");
    let before = target.resident();
    let held: Vec<TcpStream> = (0..WATCH_CONNECTIONS)
        .map(|_| {
            let mut socket = raw::connect(target.client);
            for number in 0..WATCHERS {
                socket.write_all(&watch(2 * number + 1)).expect("it is taken");
            }
            socket
        })
        .collect();
    for number in 0..WRITES {
        put(&store, &format!("write/{}", number % 100), &[7; 512]).await;
    }
    target.serves().await;
    // One that reads is told everything all the while.
    let mut told = 0;
    while told < WRITES {
        let item = tokio::time::timeout(crate::member::PATIENCE, reader.items.recv());
        match item.await.expect("it comes in time").expect("the watch goes on") {
            store::WatchItem::Events { events, .. } => told += events.len(),
            store::WatchItem::Progress { .. } => {}
            store::WatchItem::Compacted { .. } => panic!("nothing was compacted"),
        }
    }
    let watchers = WATCH_CONNECTIONS as u64 * u64::from(WATCHERS);
    // History has what was written, whoever reads it.
    target.assert_grown_less(before, watchers * WATCHER_BYTES + 32 * MIB);
    drop(held);
    target.serves().await;
}
