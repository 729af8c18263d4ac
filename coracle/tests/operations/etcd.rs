//! From a real etcd and back, where one is installed.

use std::process::Command;

use store::{KeyRange, RangeRequest, Store};

use super::document;
use super::hosts::Hosts;
use super::load::{Load, contents};
use crate::member::Member;

const BACKUP: &str = "Backup and restore";
const ETCD: &str = "From etcd, and back";

/// What etcd is called here, and what has its restore; `None` where one is missing.
fn installed() -> Option<(&'static str, &'static str)> {
    let runs = |program: &str, word: &str| {
        let run = Command::new(program).arg(word).env("ETCDCTL_API", "3").output();
        run.is_ok_and(|output| output.status.success())
    };
    // `.ci/tools` installs the second.
    let etcd = ["etcd", "etcd3.4"].into_iter().find(|etcd| runs(etcd, "--version"));
    let Some(etcd) = etcd.filter(|_| runs("etcdctl", "version")) else {
        println!("skipped: etcd and etcdctl are not installed");
        return None;
    };
    Some((etcd, if runs("etcdutl", "version") { "etcdutl" } else { "etcdctl" }))
}

/// Only member `a`, where a command of the document names three.
fn alone(command: &str) -> String {
    let (before, after) = command.split_once(",b=").expect("it has others");
    let (_, after) = after.split_once(' ').expect("more follows");
    format!("{before} {after}")
}

fn start_etcd(hosts: &Hosts, etcd: &str, name: char, command: &str) -> Member {
    // What a real etcd is called on the command line is all that differs.
    let mut member = hosts.start(name, &command.replace("coracle store", etcd));
    member.wait_ready();
    member
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_move_from_etcd_to_the_store_and_back() {
    let Some((program, restorer)) = installed() else { return };
    let hosts = Hosts::new();
    let first = alone(&document::first_start());
    let etcd = start_etcd(&hosts, program, 'a', &first);
    let from_etcd = hosts.connect('a').await;
    let load = Load::start(vec![from_etcd.clone()]);
    load.grow(60).await;
    load.stop().await;
    let (revision, then) = contents(&from_etcd, 0).await;
    let save = |hosts: &Hosts, command: &str| {
        let mut command = hosts.shell('a', command);
        command.env("ETCDCTL_ENDPOINTS", hosts.endpoint('a'));
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    save(&hosts, &document::command(ETCD, "etcdctl snapshot save"));
    drop((etcd, from_etcd));
    hosts.wipe('a');

    let restore = alone(&document::command(BACKUP, "coracle ctl snapshot restore"));
    hosts.told('a', &restore.replace("backup.db", "etcd.db"));
    let member = hosts.start_all(&['a'], &document::command(BACKUP, "coracle store"));
    let store = hosts.connect('a').await;
    let (latest, now) = contents(&store, 0).await;
    assert!(now == then && latest == revision, "revision {revision} became {latest}");
    let old =
        RangeRequest { range: KeyRange::prefix("left/"), revision: 10, ..RangeRequest::default() };
    store.range(old).await.expect("history came along");
    let load = Load::start(vec![store.clone()]);
    load.grow(60).await;
    load.stop().await;
    let (revision, then) = contents(&store, 0).await;
    save(&hosts, &document::command(BACKUP, "coracle ctl snapshot save"));
    drop((member, store));
    hosts.wipe('a');

    let back = restore.replace("coracle ctl", restorer);
    // etcd's own knows no variables that it does not use.
    hosts.told('a', &back);
    let _etcd = start_etcd(&hosts, program, 'a', &first);
    let etcd = hosts.connect('a').await;
    let (latest, now) = contents(&etcd, 0).await;
    assert!(now == then && latest == revision, "revision {revision} became {latest}");
}
