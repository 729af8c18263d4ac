//! The conformance cases against etcd itself, where it is installed: etcd proves the cases.

use super::testing::{Etcd, installed};
use crate::conformance;

/// `ETCD_CASES` narrows the list to the names that contain it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_itself_conforms() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so the cases were not held against etcd itself");
        return;
    };
    let wanted = std::env::var("ETCD_CASES").unwrap_or_default();
    let mut differ = Vec::new();
    let mut next = Etcd::start(&program);
    for case in conformance::cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        // The next one starts while this one works.
        let etcd = std::mem::replace(&mut next, Etcd::start(&program));
        let remote = etcd.connect().await;
        if !case.holds_for(remote).await {
            eprintln!("etcd differs: {}", case.name);
            differ.push(case.name);
        }
    }
    assert!(differ.is_empty(), "etcd differs in {differ:?}");
}
