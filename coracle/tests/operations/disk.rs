//! Disks that are really full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use store::remote::Remote;
use store::{PutRequest, Store};

use super::document;
use super::hosts::Hosts;
use super::load::contents;
use crate::member::{Member, until};

const FULL: &str = "The disk or the quota is full";
/// Room for the log's first segment and a little more.
const SMALL: &str = "size=100m";
const LARGE: &str = "size=600m";
const VALUE_BYTES: usize = 1 << 20;
/// More than goes onto the small disk.
const TRIES: usize = 400;

/// A disk of its own at a place. Taken away when it is dropped.
struct Disk(PathBuf);

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let status = Command::new(program).args(arguments).arg(path).status();
    status.expect("it runs").success()
}

impl Disk {
    fn small(place: PathBuf) -> Self {
        std::fs::create_dir_all(&place).expect("made");
        let mounted = run("mount", &["-t", "tmpfs", "-o", SMALL, "tmpfs"], &place);
        assert!(mounted, "run as root: a small disk is mounted");
        Self(place)
    }

    fn make_room(&self) {
        assert!(run("mount", &["-o", &format!("remount,{LARGE}")], &self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy"], &self.0);
    }
}

/// Puts large values until one is refused or `done`. How many were acknowledged.
async fn fill(store: &Arc<Remote>, mut done: impl FnMut() -> bool) -> usize {
    for number in 0..TRIES {
        let (key, value) = (format!("{number:03}").into(), vec![1; VALUE_BYTES].into());
        let put = PutRequest { key, value, ..PutRequest::default() };
        if done() || store.put(put).await.is_err() {
            return number;
        }
    }
    panic!("the disk never was full");
}

/// Waits until the member has ended, and for its reason.
fn ended_for_want_of_space(member: &mut Member, hosts: &Hosts) {
    let status = until("the end of the member", || member.ended());
    let log = member.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("No space left on device"), "{log}");
    assert!(log.contains(&hosts.data('a').display().to_string()), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_a_member_and_loses_nothing() {
    let hosts = Hosts::new();
    let disk = Disk::small(hosts.data('a'));
    let first = document::first_start();
    let (before, after) = first.split_once(",b=").expect("it has others");
    let (_, after) = after.split_once(' ').expect("more follows");
    let mut members = hosts.start_all(&['a'], &format!("{before} {after}"));
    let acknowledged = fill(&hosts.connect('a').await, || false).await;
    ended_for_want_of_space(&mut members[0], &hosts);
    disk.make_room();
    let _again = hosts.start_all(&['a'], &document::command(FULL, "coracle store"));
    let (_, there) = contents(&*hosts.connect('a').await, 0).await;
    // One more may be there: its answer did not come.
    assert!([acknowledged, acknowledged + 1].contains(&there.len()), "{acknowledged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_disk_is_full_stops_and_the_others_go_on() {
    let hosts = Hosts::new();
    let disk = Disk::small(hosts.data('a'));
    let mut members = hosts.start_all(&['a', 'b', 'c'], &document::first_start());
    let store = hosts.connect('b').await;
    let acknowledged = fill(&store, || members[0].ended().is_some()).await;
    ended_for_want_of_space(&mut members[0], &hosts);
    let put = PutRequest { key: "after".into(), value: "1".into(), ..PutRequest::default() };
    store.put(put).await.expect("the others go on");
    disk.make_room();
    let _again = hosts.start_all(&['a'], &document::command(FULL, "coracle store"));
    let (_, there) = contents(&*hosts.connect('a').await, 0).await;
    assert!(there.len() > acknowledged && there.contains_key("after"), "{acknowledged}");
}
