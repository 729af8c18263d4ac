//! Members that are lost, one or most of them.

use super::document;
use super::hosts::Hosts;
use super::load::{Load, assert_kept, assert_whole, contents};

const LOST: &str = "A member is lost";
const QUORUM: &str = "The quorum is lost";
const NAMES: [char; 3] = ['a', 'b', 'c'];

/// Adds the member on a host, asked of another, and tells how it is started: with the members that
/// `member add` prints.
fn add(hosts: &Hosts, asked: char, name: char) -> String {
    let command = document::command(LOST, "coracle ctl member add");
    let number = u32::from(name) - u32::from('a') + 1;
    let command = command.replace("add d", &format!("add {name}"));
    let told = hosts.told(asked, &command.replace("10.0.0.4", &format!("10.0.0.{number}")));
    let members = told.lines().find_map(|line| line.strip_prefix("ETCD_INITIAL_CLUSTER="));
    let members = members.expect("it is told").trim_matches('"');
    let start = document::command(LOST, "coracle store");
    let (before, after) = start.split_once("--initial-cluster ").expect("it joins");
    let (_, after) = after.trim_start().split_once(' ').expect("more follows");
    format!("{before}--initial-cluster {members} {after}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_member_is_replaced_while_writes_go_on() {
    let hosts = Hosts::new();
    let mut members = hosts.start_all(&NAMES, &document::first_start());
    let load = Load::start(vec![hosts.connect('a').await, hosts.connect('b').await]);
    load.grow(50).await;
    drop(members.pop());
    hosts.wipe('c');
    load.grow(10).await;
    let remove = document::command(LOST, "coracle ctl member remove");
    hosts.told('a', &remove.replace("8e9e05c52164694d", &hosts.id('a', 'c')));
    let start = add(&hosts, 'a', 'd');
    members.extend(hosts.start_all(&['d'], &start));
    load.grow(10).await;
    let acknowledged = load.stop().await;
    let (_, there) = contents(&*hosts.connect('d').await, 0).await;
    assert_whole(&there);
    assert_kept(&there, &acknowledged);
    let list = hosts.told('d', "coracle ctl member list");
    assert_eq!(list.lines().count(), 3, "{list}");
    // Half of the old ones are enough with the new one.
    drop(members.remove(0));
    let load = Load::start(vec![hosts.connect('d').await]);
    load.grow(5).await;
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_quorum_is_made_anew_around_one_member() {
    let hosts = Hosts::new();
    let members = hosts.start_all(&NAMES, &document::first_start());
    let load = Load::start(vec![hosts.connect('a').await]);
    load.grow(50).await;
    let acknowledged = load.stop().await;
    drop(members);
    hosts.wipe('b');
    hosts.wipe('c');
    let starts =
        document::command(QUORUM, "coracle store --name a --data-dir /var/lib/store --force");
    let mut forced = hosts.start_all(&['a'], &starts);
    assert_eq!(forced[0].end("-TERM").code(), Some(0));
    // The one start without the flag, as it always is.
    let always = document::command(QUORUM, "coracle store --name a --data-dir /var/lib/store …");
    let mut members = hosts.start_all(&['a'], &always);
    for name in ['b', 'c'] {
        let start = add(&hosts, 'a', name);
        members.extend(hosts.start_all(&[name], &start));
    }
    let load = Load::start(vec![hosts.connect('c').await]);
    load.grow(5).await;
    load.stop().await;
    for name in NAMES {
        let (_, there) = contents(&*hosts.connect(name).await, 0).await;
        assert_whole(&there);
        assert!(there["last/0"].1 > 0);
    }
    let (_, there) = contents(&*hosts.connect('b').await, 0).await;
    assert!(there.len() >= 100, "what was there before is there: {}", acknowledged[0]);
}
