//! A member killed by SIGKILL in the middle of writes keeps all that it acknowledged.
//!
//! The test runs itself again as a child, which writes and prints what was acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::*;

/// Names the directory in which a child is to write.
const CHILD: &str = "CORACLE_STORE_CRASH_DIR";

/// Writers in the child, so that groups hold several entries when the kill comes.
const WRITERS: usize = 8;

fn config(dir: &Path) -> Config {
    Config { data_dir: Some(dir.to_owned()), wal_segment_bytes: 64 << 10, ..Config::default() }
}

/// The child: writes until it is killed.
#[test]
#[ignore = "the test below runs it in a process of its own"]
fn child_that_writes_until_killed() {
    let dir = std::env::var(CHILD).expect("the parent names a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Embedded::open(config(Path::new(&dir))).await.expect("the store opens");
        let first = store.current_revision();
        let writers = (0..WRITERS).map(|writer| {
            let store = Arc::clone(&store);
            async move {
                for count in 0u64.. {
                    let key = format!("writer{writer}/{}", count % 50);
                    let value = format!("{first}/{writer}/{count}/{}", "x".repeat(300));
                    let put = PutRequest {
                        key: key.clone().into(),
                        value: value.clone().into(),
                        ..PutRequest::default()
                    };
                    let revision = store.put(put).await.expect("a put").header.revision;
                    println!("acknowledged {revision} {key} {value}");
                }
            }
        });
        futures::future::join_all(writers).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_sigkill() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data_dir = dir.path().join("store");
    let mut acknowledged: Vec<(i64, String, String)> = Vec::new();
    for lines in [1, 300, 1500] {
        acknowledged.extend(run_child_for(&data_dir, lines));
        let store = Embedded::open(config(&data_dir)).await.expect("the store opens again");
        let newest = acknowledged.iter().map(|(revision, ..)| *revision).max();
        assert!(Some(store.current_revision()) >= newest);
        for (revision, key, value) in &acknowledged {
            let request = RangeRequest {
                range: KeyRange::single(key.clone()),
                revision: *revision,
                ..RangeRequest::default()
            };
            let kvs = store.range(request).await.expect("the revision is there").kvs;
            assert_eq!(kvs.len(), 1, "{key} at {revision}");
            assert_eq!((kvs[0].mod_revision, &kvs[0].value[..]), (*revision, value.as_bytes()));
        }
        store.shutdown().await;
    }
}

/// Runs the child until it has acknowledged `lines` writes, then kills it, and returns all that it
/// acknowledged.
fn run_child_for(data_dir: &Path, lines: usize) -> Vec<(i64, String, String)> {
    let program = std::env::current_exe().expect("the test knows its own file");
    let mut child = Command::new(program)
        .args(["crash_test::child_that_writes_until_killed", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, data_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child starts");
    let output = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        // The kill may cut the last line.
        let Ok(line) = line else { break };
        let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
        let (Some(revision), Some(key), Some(value)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if !value.ends_with(&"x".repeat(300)) {
            break;
        }
        let revision = revision.parse().expect("a revision is a number");
        acknowledged.push((revision, key.to_owned(), value.to_owned()));
        if acknowledged.len() == lines {
            child.kill().expect("the child is killed"); // What it printed before is still read.
        }
    }
    child.wait().expect("the child has ended");
    assert!(acknowledged.len() >= lines);
    acknowledged
}
