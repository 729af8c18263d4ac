//! Frames, calls and requests in masses, and requests that are too large.

use std::io::Write;

use store::{PutRequest, RequestOp, Store, Txn};

use super::raw;
use super::target::{MIB, Target, put};

const FRAMES: u32 = 50_000;
const BOUND: u64 = 64 * MIB;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// Sends frames until they are all sent or the server has enough of them.
fn flood(port: u16, mut next: impl FnMut(u32) -> Vec<u8>) {
    let socket = raw::connect(port);
    let mut writer = socket.try_clone().expect("a copy");
    let reader = std::thread::spawn(move || raw::drain(socket));
    for number in 0..FRAMES {
        if writer.write_all(&next(number)).is_err() {
            break;
        }
    }
    let _ = writer.shutdown(std::net::Shutdown::Both);
    let _ = reader.join().expect("it drains");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_frames_drown_nobody() {
    let target = Target::start();
    target.serves().await;
    let before = target.resident();
    let port = target.client;
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        let call = raw::call(stream, "/etcdserverpb.KV/Range", None);
        [call, raw::frame(raw::RESET, 0, stream, &CANCEL)].concat()
    };
    let floods = [
        std::thread::spawn(move || flood(port, reset)),
        std::thread::spawn(move || flood(port, |_| raw::frame(raw::PING, 0, 0, &[0; 8]))),
        std::thread::spawn(move || flood(port, |_| raw::frame(raw::SETTINGS, 0, 0, &[]))),
        // Calls that never say what they ask for.
        std::thread::spawn(move || {
            flood(port, |number| raw::call(2 * (number % 10_000) + 1, "/etcdserverpb.KV/Put", None))
        }),
    ];
    while !floods.iter().all(std::thread::JoinHandle::is_finished) {
        target.serves().await;
    }
    for flood in floods {
        flood.join().expect("it ends");
    }
    target.serves().await;
    target.assert_grown_less(before, BOUND);
}

/// etcd's limit of a request, and of operations in a transaction.
const LARGEST: usize = 1536 << 10;
const MOST_OPERATIONS: usize = 128;
const GIANTS: usize = 48;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giants_are_taken_up_to_the_limit_and_others_are_served() {
    let target = Target::start();
    let store = target.connect().await;
    let large = |bytes: usize| PutRequest {
        key: "giant".into(),
        value: vec![1; bytes].into(),
        ..PutRequest::default()
    };
    for over in [LARGEST, LARGEST + 1, 2 * LARGEST, 64 << 20] {
        store.put(large(over)).await.expect_err("it is over the limit");
    }
    let txn = |operations: usize| Txn {
        success: (0..operations)
            .map(|number| {
                let key = format!("many/{number}").into();
                RequestOp::Put(PutRequest { key, value: "1".into(), ..PutRequest::default() })
            })
            .collect(),
        ..Txn::default()
    };
    store.txn(txn(MOST_OPERATIONS + 1)).await.expect_err("it is over the limit");
    store.txn(txn(MOST_OPERATIONS)).await.expect("it is at the limit");
    let giants: Vec<_> = (0..GIANTS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.put(large(LARGEST - 1024)).await })
        })
        .collect();
    target.serves().await;
    for giant in giants {
        giant.await.expect("it ends").expect("it is at the limit");
    }
    put(&store, "after", b"1").await;
}
