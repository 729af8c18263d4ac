//! What lasts: commands that go on while servers come and go, and beside other programs.
//!
//! Skipped where there is no etcd.

mod support;

use std::time::{Duration, Instant};

use support::{Following, Server, free_port, ours, run, server, stock};

fn start(name: &str) -> Option<Server> {
    let Some(program) = server() else {
        println!("SKIPPED {name}: etcd is not installed");
        return None;
    };
    Some(Server::start(&program, free_port()))
}

/// Asks until the answer is what it should be in the end.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_next_endpoint_is_tried() {
    let Some(server) = start("failover") else { return };
    let dead = format!("127.0.0.1:{}", free_port());
    let both = format!("http://{dead},{}", server.endpoint);
    assert_eq!(run(&ours(), &["--endpoints", &both, "put", "k", "v"], "").out, "OK\n");
    let twice = ["--endpoints", &dead, "--endpoints", &server.endpoint, "get", "k"];
    assert_eq!(run(&ours(), &twice, "").out, "k\nv\n");
    let none = run(&ours(), &["--endpoints", &dead, "get", "k"], "");
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains(&dead) && none.err.contains("refused"), "{none:?}");
    let health = run(&ours(), &["--endpoints", &both, "endpoint", "health"], "");
    assert_eq!(health.code, Some(1));
    assert!(health.out.contains(&format!("{} is healthy", server.endpoint)), "{health:?}");
    assert!(health.err.contains(&format!("{dead} is unhealthy")), "{health:?}");
    let status = run(&ours(), &["--endpoints", &both, "endpoint", "status"], "");
    assert_eq!((status.code, status.out.lines().count()), (Some(1), 1), "{status:?}");
}

#[test]
fn unix_sockets_are_endpoints() {
    let Some(server) = start("unix sockets") else { return };
    let socket = server.socket();
    assert_eq!(run(&ours(), &["--endpoints", &socket, "put", "k", "v"], "").out, "OK\n");
}

#[test]
fn a_watch_outlives_its_server_and_its_token() {
    let Some(server) = start("a watch over a restart") else { return };
    for words in [
        &["user", "add", "root:secret"][..],
        &["auth", "enable"],
        &["--user", "root:secret", "put", "k", "before"],
    ] {
        assert_eq!(server.ours(words).code, Some(0), "{words:?}");
    }
    let watch = ["--user", "root:secret", "watch", "k", "--rev", "1"];
    let watching = server.follow(&ours(), &watch);
    assert_eq!(watching.take(3), ["PUT", "k", "before"]);
    // Tokens are gone with the process that gave them.
    let server = server.restart();
    let put = server.ours(&["--user", "root:secret", "put", "k", "after"]);
    assert_eq!(put.code, Some(0), "{put:?}");
    assert_eq!(watching.take(3), ["PUT", "k", "after"]);
    assert!(watching.is_silent(), "nothing comes twice");
}

#[test]
fn a_lease_is_kept_over_a_restart() {
    let Some(server) = start("keep-alive over a restart") else { return };
    let granted = server.ours(&["lease", "grant", "6"]);
    let id = granted.out.split_whitespace().nth(1).expect("an id").to_owned();
    let keeping = server.follow(&ours(), &["lease", "keep-alive", &id]);
    let kept = format!("lease {id} keepalived with TTL(6)");
    assert_eq!(keeping.take(1), [kept.as_str()]);
    let server = server.restart();
    assert_eq!(keeping.take(1), [kept.as_str()]);
    assert_eq!(server.ours(&["lease", "revoke", &id]).code, Some(0));
    assert_eq!(keeping.take(1), [format!("lease {id} expired or revoked.")]);
}

#[test]
fn a_lock_is_one_with_stock_etcdctls() {
    let (Some(server), Some(stock)) = (start("locks"), stock()) else {
        println!("SKIPPED locks: etcdctl 3.6 is not installed");
        return;
    };
    let order: [(&std::path::Path, &std::path::Path); 2] = [(&stock, &ours()), (&ours(), &stock)];
    for (first, second) in order {
        let holding = server.follow(first, &["lock", "l"]);
        let held = holding.take(2);
        assert!(held[0].starts_with("l/"), "{held:?}");
        let waiting = server.follow(second, &["lock", "l"]);
        let waits = || server.ours(&["get", "l/", "--prefix", "--keys-only"]).out.lines().count();
        until("the second's place in the queue", || waits() == 4);
        assert!(waiting.is_silent());
        assert_eq!(holding.end(), Some(0));
        assert_ne!(waiting.take(2)[0], held[0]);
        assert_eq!(waiting.end(), Some(0));
        until("an empty queue", || waits() == 0);
    }
}

#[test]
fn an_election_is_watched() {
    let Some(server) = start("elections") else { return };
    let listening = server.follow(&ours(), &["elect", "-l", "e"]);
    let first = server.follow(&ours(), &["elect", "e", "one"]);
    assert_eq!(first.take(2)[1], "one");
    assert_eq!(listening.take(2)[1], "one");
    let second = server.follow(&ours(), &["elect", "e", "two"]);
    let candidates = || server.ours(&["get", "e/", "--prefix", "--keys-only"]).out.lines().count();
    until("the second candidate", || candidates() == 4);
    assert_eq!(first.end(), Some(0));
    assert_eq!(second.take(2)[1], "two");
    assert_eq!(listening.take(2)[1], "two");
    assert_eq!(second.end(), Some(0));
    assert_eq!(listening.end(), Some(0));
}

#[test]
fn a_mirror_follows() {
    let (Some(source), Some(destination)) = (start("mirrors"), start("mirrors")) else { return };
    for number in 0..5 {
        let key = format!("a/{number}");
        assert_eq!(source.ours(&["put", &key, "old"]).code, Some(0));
    }
    source.ours(&["put", "b", "other"]);
    let words = ["make-mirror", "--prefix", "a/", "--dest-prefix", "z/", "--max-txn-ops", "2"];
    let words = [&words[..], &[destination.endpoint.as_str()]].concat();
    let mirroring: Following = source.follow(&ours(), &words);
    let copied = || destination.ours(&["get", "", "--prefix", "--keys-only"]).out;
    until("the copy", || copied() == "z/0\n\nz/1\n\nz/2\n\nz/3\n\nz/4\n\n");
    source.ours(&["put", "a/1", "new"]);
    source.ours(&["del", "a/", "a/1", "--range"]);
    let all = || destination.ours(&["get", "", "--prefix"]).out;
    let expected = "z/1\nnew\nz/2\nold\nz/3\nold\nz/4\nold\n";
    until("the changes", || all() == expected);
    assert_eq!(mirroring.end(), None, "it ends by the signal alone");
}

#[test]
fn progress_is_told_when_asked_for() {
    let Some(server) = start("progress") else { return };
    let words = ["--endpoints", server.endpoint.as_str(), "watch", "-i"];
    let watching = Following::start(&ours(), &words, "watch k --rev 1\n");
    server.ours(&["put", "k", "v"]);
    assert_eq!(watching.take(3), ["PUT", "k", "v"]);
    let watching = watching.says("progress\n");
    assert_eq!(watching.take(1), ["progress notify: 2"]);
}
