//! Storms of leases, and of wrong passwords.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
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

/// Passwords that are guessed at once; each takes a while to be found wrong.
const WRONG: usize = 100;

/// The answer to a call of the JSON gateway.
fn gateway(port: u16, path: &str, token: &str, body: &str) -> String {
    let socket = ask(port, path, token, body);
    let mut answer = String::new();
    BufReader::new(socket).read_to_string(&mut answer).expect("it is answered");
    answer
}

fn ask(port: u16, path: &str, token: &str, body: &str) -> TcpStream {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {token}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
    socket.write_all(request.as_bytes()).expect("it is taken");
    socket
}

#[test]
fn wrong_passwords_in_masses_hold_up_nobody_who_is_in() {
    let target = Target::start();
    let endpoint = format!("http://127.0.0.1:{}", target.client);
    for words in ["user add root:secret", "user grant-role root root", "auth enable"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coracle"));
        command.args(["ctl", "--endpoints", &endpoint]).args(words.split(' '));
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let log_in = |password: &str| format!(r#"{{"name":"root","password":"{password}"}}"#);
    let path = "/v3/auth/authenticate";
    let answer = gateway(target.client, path, "", &log_in("secret"));
    let (_, token) = answer.split_once(r#""token":""#).expect("it is right");
    let (token, _) = token.split_once('"').expect("it ends");
    let before = target.resident();
    let guesses: Vec<_> =
        (0..WRONG).map(|_| ask(target.client, path, "", &log_in("wrong"))).collect();
    for _ in 0..20 {
        let put = r#"{"key":"YQ==","value":"YQ=="}"#;
        let answer = gateway(target.client, "/v3/kv/put", token, put);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    for guess in guesses {
        let mut answer = String::new();
        BufReader::new(guess).read_to_string(&mut answer).expect("it is answered");
        assert!(answer.contains("authentication failed"), "{answer}");
    }
    target.assert_grown_less(before, 64 * MIB);
}
