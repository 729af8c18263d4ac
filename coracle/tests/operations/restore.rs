//! Restores and downloads that are cut off.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use store::{PutRequest, Store};

use super::document;
use super::hosts::Hosts;
use super::load::contents;
use crate::member::{Member, connect, free_ports, store};

const BACKUP: &str = "Backup and restore";
const VALUE_BYTES: usize = 1 << 20;
const VALUES: usize = 24;
/// Restores that are killed, each a while later than the one before.
const KILLS: u32 = 12;

/// A member with some MiB, which no piece of a stream holds.
async fn filled(hosts: &Hosts, client: u16) -> Member {
    let mut command = store();
    command.arg("--data-dir").arg(hosts.file('a', "plain"));
    command.arg(format!("--listen-client-urls=http://127.0.0.1:{client}"));
    command.arg(format!("--advertise-client-urls=http://127.0.0.1:{client}"));
    command.arg("--listen-peer-urls=http://127.0.0.1:0");
    let member = Member::ready(command);
    let store = connect(&format!("http://127.0.0.1:{client}"), None).await.expect("it answers");
    for number in 0..VALUES {
        let value = vec![number as u8; VALUE_BYTES];
        let (key, value) = (format!("{number}").into(), value.into());
        let put = PutRequest { key, value, ..PutRequest::default() };
        store.put(put).await.expect("it is taken");
    }
    member
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_killed_is_refused_by_members_and_done_again() {
    let hosts = Hosts::new();
    let [client] = free_ports();
    let member = filled(&hosts, client).await;
    let mut save = hosts.shell('a', &document::command(BACKUP, "coracle ctl snapshot save"));
    save.env("ETCDCTL_ENDPOINTS", format!("http://127.0.0.1:{client}"));
    assert!(save.status().expect("it runs").success());
    drop(member);
    let restore = document::command(BACKUP, "coracle ctl snapshot restore");
    let lone = "--initial-cluster a=https://10.0.0.1:2380 ";
    let (before, after) = restore.split_once("--initial-cluster ").expect("it founds");
    let (_, after) = after.trim_start().split_once(' ').expect("more follows");
    let restore = format!("{before}{lone}{after}");
    let start = document::command(BACKUP, "coracle store");
    let (mut killed, mut refused) = (0, 0);
    for turn in 0..KILLS {
        let mut child = hosts.shell('a', &restore).stderr(Stdio::null()).spawn().expect("it runs");
        std::thread::sleep(Duration::from_millis(15) * turn);
        let ended = child.try_wait().expect("a child can be asked").is_some();
        child.kill().expect("it is a child");
        child.wait().expect("it ends");
        if ended || hosts.data('a').join("member.json").exists() {
            break; // It was done before.
        }
        killed += 1;
        if hosts.data('a').join("restoring").exists() {
            let output = hosts.run('a', &start);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.contains("run the same `snapshot restore` again"), "{error}");
            refused += 1;
        }
    }
    println!("{killed} restores were killed, {refused} of them in the directory");
    assert!(killed > 0);
    if !hosts.data('a').join("member.json").exists() {
        hosts.told('a', &restore);
    }
    let _member = hosts.start_all(&['a'], &start);
    let (_, there) = contents(&*hosts.connect('a').await, 0).await;
    assert_eq!(there.len(), VALUES);
}

/// Passes on what comes from `to` until so many bytes went through, and then nothing any more.
fn cut_after(to: u16, bytes: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(("127.0.0.1", to)).expect("it listens");
            let (mut asks, mut answers) = (near.try_clone().expect("a copy"), far);
            let mut upstream = answers.try_clone().expect("a copy");
            std::thread::spawn(move || std::io::copy(&mut asks, &mut upstream));
            let mut near = near;
            let _ = std::io::copy(&mut Read::by_ref(&mut answers).take(bytes), &mut near);
            let _ = near.shutdown(std::net::Shutdown::Both);
            let _ = answers.shutdown(std::net::Shutdown::Both);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_is_cut_off_is_no_backup() {
    let hosts = Hosts::new();
    let [client] = free_ports();
    let _member = filled(&hosts, client).await;
    let save = document::command(BACKUP, "coracle ctl snapshot save");
    let to = |port: u16, command: &str| {
        let mut command = hosts.shell('a', command);
        command.env("ETCDCTL_ENDPOINTS", format!("http://127.0.0.1:{port}"));
        command
    };
    for format in ["etcd", "coracle"] {
        let cut = cut_after(client, (VALUES * VALUE_BYTES / 2) as u64);
        let output = to(cut, &format!("{save} --format {format}")).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        for left in ["backup.db", "backup.db.part"] {
            assert!(!hosts.file('a', left).exists(), "{left} is left");
        }
    }
    // Killed itself, it may leave a part, and never under the name of the whole.
    let mut child = to(client, &save).spawn().expect("it runs");
    crate::member::until("the first bytes", || {
        hosts.file('a', "backup.db.part").exists().then_some(())
    });
    child.kill().expect("it is a child");
    child.wait().expect("it ends");
    let whole = hosts.file('a', "backup.db").exists();
    assert!(!whole || hosts.run('a', "coracle ctl snapshot status backup.db").status.success());
    assert!(to(client, &save).status().expect("it runs").success(), "the part is no obstacle");
    assert!(!hosts.file('a', "backup.db.part").exists());
    hosts.told('a', &document::command(BACKUP, "coracle ctl snapshot status"));
}
