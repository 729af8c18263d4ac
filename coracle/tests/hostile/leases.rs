//! Storms of leases, and of wrong passwords.

use std::process::Command;

use store::Store;

use super::target::{MIB, Target, put};
use crate::member::PATIENCE;

const LEASES: usize = 20_000;
/// Granted and revoked side by side.
const AT_ONCE: usize = 200;
const TTL: i64 = 5;
/// What a lease may take.
const LEASE_BYTES: u64 = 4 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_that_come_and_go_in_a_storm_hold_up_no_write() {
    let target = Target::start();
    let store = target.connect().await;
    put(&store, "before", b"1").await;
    let before = target.resident();
    let storm: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..LEASES / AT_ONCE {
                    store.lease_grant(0, TTL).await.expect("it is granted");
                }
            })
        })
        .collect();
    target.serves().await;
    for granting in storm {
        granting.await.expect("it ends");
    }
    target.assert_grown_less(before, LEASES as u64 * LEASE_BYTES + 32 * MIB);
    // They end by themselves, and writes go on meanwhile.
    let ending = async {
        while !store.leases().await.expect("they are told").is_empty() {
            target.serves().await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, ending).await.expect("all leases end");
}

const WRONG: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_in_masses_hold_up_nobody_who_is_in() {
    let target = Target::start();
    let endpoint = format!("http://127.0.0.1:{}", target.client);
    let ctl = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coracle"));
        command.args(["ctl", "--endpoints", &endpoint]).args(arguments);
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ctl(&["user", "add", "root:secret"]);
    ctl(&["user", "grant-role", "root", "root"]);
    ctl(&["auth", "enable"]);
    let before = target.resident();
    let body = r#"{"name":"root","password":"wrong"}"#;
    let request = format!(
        "POST /v3/auth/authenticate HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut guessers = Vec::new();
    for _ in 0..WRONG {
        use std::io::Write;
        let socket = std::net::TcpStream::connect(("127.0.0.1", target.client));
        let mut socket = socket.expect("it listens");
        socket.write_all(request.as_bytes()).expect("it is taken");
        guessers.push(socket);
    }
    ctl(&["--user", "root:secret", "--command-timeout", "80s", "put", "a", "b"]);
    target.assert_grown_less(before, 64 * MIB);
}
