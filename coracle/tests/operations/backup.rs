//! Backups while everything is written to, and a cluster that is nothing but its backup.

use std::path::Path;

use store::{PutRequest, Store};

use super::document;
use super::hosts::{Hosts, copy};
use super::load::{Load, assert_whole, contents};
use crate::member::{Member, connect, free_ports, store};

const FOUNDING: &str = "Three members with TLS";
const BACKUP: &str = "Backup and restore";
const NAMES: [char; 3] = ['a', 'b', 'c'];

/// The revision that `snapshot status` tells of a file.
fn revision(hosts: &Hosts, name: char, file: &str) -> i64 {
    let status = document::command(BACKUP, "coracle ctl snapshot status");
    let status = status.replace("backup.db", file).replace("-w table", "-w json");
    let told: serde_json::Value =
        serde_json::from_str(&hosts.told(name, &status)).expect("it is JSON");
    told["revision"].as_i64().expect("it has a revision")
}

/// Starts a member alone on what a file holds.
fn alone(hosts: &Hosts, file: &Path, client: u16) -> Member {
    let data = file.with_extension("data");
    let (from, into) = (file.display(), data.display());
    let restore = format!("coracle ctl snapshot restore {from} --name default --data-dir {into}");
    // Not as a host of the document, whose name it would be given.
    assert!(hosts.shell('a', &restore).status().expect("it runs").success());
    let mut command = store();
    command.arg("--data-dir").arg(data);
    command.arg(format!("--listen-client-urls=http://127.0.0.1:{client}"));
    command.arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"));
    command.arg("--listen-peer-urls=http://127.0.0.1:0");
    Member::ready(command)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_all_is_written_to_holds_one_revision() {
    let hosts = Hosts::new();
    let _members = hosts.start_all(&NAMES, &document::first_start());
    let mut stores = Vec::new();
    for name in NAMES {
        stores.push(hosts.connect(name).await);
    }
    let load = Load::start(stores.clone());
    load.grow(100).await;
    let save = document::command(BACKUP, "coracle ctl snapshot save");
    let mut backups = Vec::new();
    // Of all three: so of the leader and of others.
    for name in NAMES {
        for format in ["etcd", "coracle"] {
            let file = format!("{format}.db");
            let save = save.replace("backup.db", &format!("{file} --format {format}"));
            let mut command = hosts.shell(name, &save);
            command.env("ETCDCTL_ENDPOINTS", hosts.endpoint(name));
            let saved = command.output().expect("it runs");
            assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
            backups.push((name, file));
            load.grow(5).await;
        }
    }
    load.stop().await;
    for (name, file) in backups {
        let revision = revision(&hosts, name, &file);
        let (_, then) = contents(&stores[0], revision).await;
        assert_whole(&then);
        let [client] = free_ports();
        let _member = alone(&hosts, &hosts.file(name, &file), client);
        let restored = connect(&format!("http://127.0.0.1:{client}"), None).await;
        let (latest, restored) = contents(&*restored.expect("it answers"), 0).await;
        assert_eq!(latest, revision, "{file} of {name} ends where it says");
        assert!(restored == then, "{file} of {name} differs from revision {revision}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_lost_whole_comes_back_from_its_backup() {
    let hosts = Hosts::new();
    let members = hosts.start_all(&NAMES, &document::first_start());
    let mut stores = Vec::new();
    for name in NAMES {
        stores.push(hosts.connect(name).await);
    }
    let load = Load::start(stores.clone());
    load.grow(50).await;
    hosts.told('a', &document::command(BACKUP, "coracle ctl snapshot save"));
    load.grow(50).await;
    load.stop().await;
    let revision = revision(&hosts, 'a', "backup.db");
    let (latest, then) = contents(&stores[0], revision).await;
    assert!(latest > revision, "writes went on after the backup");
    assert_whole(&then);
    drop((members, stores));
    for name in NAMES {
        hosts.wipe(name);
    }
    copy(&hosts.file('a', "backup.db"), &hosts.file('b', "backup.db"));
    copy(&hosts.file('a', "backup.db"), &hosts.file('c', "backup.db"));
    for name in NAMES {
        hosts.told(name, &document::command(BACKUP, "coracle ctl snapshot restore"));
    }
    let _members = hosts.start_all(&NAMES, &document::command(BACKUP, "coracle store"));
    hosts.told('b', &document::command(FOUNDING, "coracle ctl endpoint health"));
    let status = hosts.told('c', &document::command(FOUNDING, "coracle ctl endpoint status"));
    assert_eq!(status.matches(":2379").count(), 3, "{status}");
    for (name, before) in NAMES.into_iter().zip(0..) {
        let store = hosts.connect(name).await;
        let (latest, mut now) = contents(&store, 0).await;
        now.retain(|key, _| !key.starts_with("after/"));
        assert!(now == then, "member {name} differs from revision {revision}");
        assert_eq!(latest, revision + before);
        let (key, value) = (format!("after/{name}").into(), "1".into());
        let put = PutRequest { key, value, ..PutRequest::default() };
        store.put(put).await.expect("new writes are taken");
    }
}
