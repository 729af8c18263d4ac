//! The conformance cases against etcd itself, where it is installed: etcd proves the cases.

use std::time::Duration;

use super::testing::{Etcd, installed};
use crate::Store;
use crate::conformance::{self, wire};

/// What etcd 3.4 does not do yet: its compaction, which goes on behind the answer, may take the
/// tombstone at the compact revision away before the watch gets there.
const LATER_THAN_3_4: &[&str] = &["streams::a_tombstone_at_the_compact_revision_is_told"];

/// A case that stands still counts as a difference.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_itself_conforms() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so the cases were not held against etcd itself");
        return;
    };
    let wanted = wanted();
    let mut differ = Vec::new();
    let mut next = Etcd::start(&program);
    for case in conformance::cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        // The next one starts while this one works.
        let mut etcd = std::mem::replace(&mut next, Etcd::start(&program));
        let remote = etcd.connect().await;
        let version = remote.status().await.expect("status is told").version;
        if version.starts_with("3.4.") && LATER_THAN_3_4.contains(&&*case.name) {
            eprintln!("SKIPPED: {} on etcd {version}", case.name);
            continue;
        }
        let outcome = tokio::time::timeout(PATIENCE, case.holds_for(remote)).await;
        if !matches!(outcome, Ok(true)) {
            eprintln!("etcd {version} differs: {}", case.name);
            differ.push(case.name);
        }
    }
    assert!(differ.is_empty(), "etcd differs in {differ:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_itself_conforms_on_the_wire() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so the cases were not held against etcd itself");
        return;
    };
    let wanted = wanted();
    let mut differ = Vec::new();
    let mut next = Etcd::start(&program);
    for case in wire::cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        let mut etcd = std::mem::replace(&mut next, Etcd::start(&program));
        let holding = case.holds_for(etcd.connect().await.channel());
        if !matches!(tokio::time::timeout(PATIENCE, holding).await, Ok(true)) {
            eprintln!("etcd differs: {}", case.name);
            differ.push(case.name);
        }
    }
    assert!(differ.is_empty(), "etcd differs in {differ:?}");
}

/// `ETCD_CASES` narrows the lists to the names that contain it.
fn wanted() -> String {
    std::env::var("ETCD_CASES").unwrap_or_default()
}
