//! Who waits for a lock or an election: over the gateway, so that a real etcd proves what is
//! expected where one is installed.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::remote::testing::{Etcd, installed};
use crate::server::testing::{HttpStream, Plain, ask};

const PAUSE: Duration = Duration::from_millis(10);

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

async fn post(address: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let answer = ask(address, "POST", path, &[], body).await;
    (answer.status, serde_json::from_str(&answer.body).expect("answers are JSON"))
}

/// Waits until a key is there, or is not.
async fn until(address: SocketAddr, key: &str, there: bool) {
    let range = format!("{{\"key\":\"{}\"}}", encoded(key));
    loop {
        let (status, answer) = post(address, "/v3/kv/range", &range).await;
        assert_eq!(status, 200);
        if answer.get("count").is_some() == there {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn lock(address: SocketAddr, lease: i64) -> HttpStream {
    let body = format!("{{\"name\":\"{}\",\"lease\":\"{lease}\"}}", encoded("lock"));
    HttpStream::open(address, "/v3/lock/lock", &body).await
}

async fn unlock(address: SocketAddr, key: &str) {
    let body = format!("{{\"key\":\"{}\"}}", encoded(key));
    assert_eq!(post(address, "/v3/lock/unlock", &body).await.0, 200);
}

async fn locks(address: SocketAddr) {
    let held = lock(address, 1).await.whole().await;
    assert_eq!(held.status, 200, "{}", held.body);
    // Who goes away while it waits leaves no key behind.
    let gone = lock(address, 2).await;
    until(address, "lock/2", true).await;
    drop(gone);
    until(address, "lock/2", false).await;
    // Who waits gets the lock when its turn comes.
    let second = lock(address, 2).await;
    until(address, "lock/2", true).await;
    let third = lock(address, 3).await;
    until(address, "lock/3", true).await;
    unlock(address, "lock/1").await;
    let second = second.whole().await;
    assert_eq!(second.status, 200, "{}", second.body);
    assert!(second.body.contains(&encoded("lock/2")), "{}", second.body);
    // Whose lease ends meanwhile is told so in its turn.
    assert_eq!(post(address, "/v3/lease/revoke", "{\"ID\":3}").await.0, 200);
    until(address, "lock/3", false).await;
    unlock(address, "lock/2").await;
    let third = third.whole().await;
    assert_eq!(third.status, 500);
    assert!(third.body.contains("\"mutex: session is expired\""), "{}", third.body);
}

async fn campaign(address: SocketAddr, lease: i64) -> HttpStream {
    let (name, value) = (encoded("race"), encoded("me"));
    let body = format!("{{\"name\":\"{name}\",\"lease\":\"{lease}\",\"value\":\"{value}\"}}");
    HttpStream::open(address, "/v3/election/campaign", &body).await
}

async fn elections(address: SocketAddr) {
    let led = campaign(address, 1).await.whole().await;
    assert_eq!(led.status, 200, "{}", led.body);
    let gone = campaign(address, 2).await;
    until(address, "race/2", true).await;
    drop(gone);
    until(address, "race/2", false).await;
    let second = campaign(address, 2).await;
    until(address, "race/2", true).await;
    let leader: Value = serde_json::from_str(&led.body).expect("answers are JSON");
    let resign = format!("{{\"leader\":{}}}", leader["leader"]);
    assert_eq!(post(address, "/v3/election/resign", &resign).await.0, 200);
    let second = second.whole().await;
    assert_eq!(second.status, 200, "{}", second.body);
    assert!(second.body.contains(&encoded("race/2")), "{}", second.body);
    let name = format!("{{\"name\":\"{}\"}}", encoded("race"));
    let (_, now) = post(address, "/v3/election/leader", &name).await;
    assert_eq!(now["kv"]["key"], encoded("race/2"));
}

async fn wait_in_turn(address: SocketAddr) {
    for lease in 1..=3 {
        let grant = format!("{{\"ID\":\"{lease}\",\"TTL\":\"600\"}}");
        assert_eq!(post(address, "/v3/lease/grant", &grant).await.0, 200);
    }
    locks(address).await;
    elections(address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_served_in_turn() {
    let plain = Plain::start().await;
    wait_in_turn(plain.address).await;
    plain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_itself_serves_so() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so locks were not held against etcd itself");
        return;
    };
    let mut etcd = Etcd::start(&program);
    etcd.connect().await;
    wait_in_turn(etcd.address()).await;
}
