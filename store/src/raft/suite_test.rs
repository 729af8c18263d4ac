//! openraft's own conformance suite for storage, over the log in memory and over the WAL.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tokio::sync::watch;

use super::log::LogStore;
use super::machine::StateMachine;
use super::types::TypeConfig;
use crate::auth::{DEFAULT_TOKEN_TTL, Tokens};
use crate::clock::TokioClock;
use crate::disk::OsDisk;
use crate::lease::Keeper;
use crate::mvcc::Identity;
use crate::published::Published;
use crate::snapshot::Home;
use crate::wal;

type Storage<G> = Result<(G, LogStore, StateMachine), StorageError<TypeConfig>>;

fn published() -> Arc<Published> {
    let keeper = Arc::new(Keeper::new(TokioClock::shared()));
    let tokens = Tokens::new(TokioClock::shared(), DEFAULT_TOKEN_TTL);
    Arc::new(Published::new(Identity::default(), keeper, tokens))
}

struct InMemory;

impl StoreBuilder<TypeConfig, LogStore, StateMachine> for InMemory {
    async fn build(&self) -> Storage<()> {
        let machine = StateMachine::in_memory(Identity::default(), published());
        Ok(((), LogStore::default(), machine))
    }
}

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, tempfile::TempDir> for OnDisk {
    async fn build(&self) -> Storage<tempfile::TempDir> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = wal::Options {
            disk: OsDisk::shared(),
            segment_bytes: 4096,
            fsync: true,
            mark: dir.path().join("wal.synced"),
            failed: watch::Sender::new(None),
        };
        let (wal, snapshots) = (dir.path().join("wal"), dir.path().join("snap"));
        for sub in [&wal, &snapshots] {
            std::fs::create_dir(sub).expect("the directory is created");
        }
        let recovered = wal::recover(&wal, options).expect("an empty log is readable");
        let log = LogStore::recovered(recovered.log, recovered.wal);
        let home = Home::new(snapshots);
        let machine = StateMachine::on_disk(Identity::default(), published(), home, None);
        Ok((dir, log, machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_in_memory_satisfies_openraft() {
    Suite::test_all(InMemory).await.expect("the suite passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_on_disk_satisfies_openraft() {
    Suite::test_all(OnDisk).await.expect("the suite passes");
}
