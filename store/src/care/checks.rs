//! Compares fingerprints with the other members, and raises the alarm when they differ.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use store_proto::peer as pb;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::consistency::{self, Answer, Fingerprint, Verdict};
use super::hashes::KvHash;
use crate::alarm::{Alarm, AlarmKind};
use crate::embedded::Embedded;
use crate::error::Error;

/// The other members, as a check asks them.
#[async_trait]
pub(crate) trait Others: Send + Sync {
    /// What each other member says of `revision`.
    async fn fingerprints(&self, revision: i64) -> Vec<Answer>;
}

impl From<pb::HashKvAnswer> for Fingerprint {
    fn from(theirs: pb::HashKvAnswer) -> Self {
        Self {
            hash: theirs.hash,
            revision: theirs.revision,
            compact_revision: theirs.compact_revision,
            current_revision: theirs.current_revision,
        }
    }
}

impl From<KvHash> for Fingerprint {
    fn from(hashed: KvHash) -> Self {
        Self {
            hash: hashed.hash,
            revision: hashed.revision,
            compact_revision: hashed.compact_revision,
            current_revision: hashed.header.revision,
        }
    }
}

/// Starts the checks that are asked for.
pub(super) fn start(store: &Arc<Embedded>, tasks: &TaskTracker, stop: &CancellationToken) {
    let settings = &store.config.care;
    if !settings.corrupt_check_time.is_zero() {
        let interval = settings.corrupt_check_time;
        repeat(store, tasks, stop, interval, |store| {
            Box::pin(async move { store.check_latest(store.as_ref()).await })
        });
    }
    if let Some(interval) = settings.compact_hash_check {
        let checked = Arc::new(std::sync::atomic::AtomicI64::new(-1));
        repeat(store, tasks, stop, interval, move |store| {
            let checked = Arc::clone(&checked);
            Box::pin(async move {
                let before = checked.load(std::sync::atomic::Ordering::Relaxed);
                let upto = store.check_compaction(store.as_ref(), before).await?;
                checked.store(upto, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            })
        });
    }
}

type Check = futures::future::BoxFuture<'static, Result<(), Error>>;

/// Runs `check` on a leader, again and again.
fn repeat(
    store: &Arc<Embedded>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
    interval: Duration,
    check: impl Fn(Arc<Embedded>) -> Check + Send + 'static,
) {
    let clock = Arc::clone(&store.config.clock);
    let store = Arc::downgrade(store);
    let stop = stop.clone();
    tasks.spawn(async move {
        loop {
            let next = clock.now().saturating_add(interval);
            tokio::select! {
                () = stop.cancelled() => return,
                () = clock.sleep_until(next) => {}
            }
            let Some(store) = store.upgrade() else { return };
            if !store.is_leader() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                outcome = check(store) => match outcome {
                    Ok(()) => {}
                    Err(Error::Stopped | Error::Fatal { .. }) => return,
                    Err(error) => tracing::warn!(%error, "members are not compared yet"),
                },
            }
        }
    });
}

impl Embedded {
    /// Compares with the others before serving, if that is asked for. The error names those that
    /// differ: then, as in etcd, this member must not serve.
    pub(crate) async fn check_initially(&self, others: &dyn Others) -> Result<(), Vec<u64>> {
        if !self.config.care.initial_corrupt_check {
            return Ok(());
        }
        let Ok(mine) = self.hash_kv(0).await else { return Ok(()) };
        let answers = others.fingerprints(mine.revision).await;
        let differing = consistency::differing(mine.into(), &answers);
        if differing.is_empty() {
            let asked = answers.len();
            tracing::info!(revision = mine.revision, asked, "no difference to other members");
            return Ok(());
        }
        tracing::error!(members = ?differing, "found data inconsistency with peers");
        Err(differing)
    }

    /// Compares the latest revision, as a leader does now and then.
    pub(super) async fn check_latest(&self, others: &dyn Others) -> Result<(), Error> {
        let before = self.hash_kv(0).await?;
        let answers = others.fingerprints(before.revision).await;
        self.linearize().await?;
        let after = self.hash_kv(0).await?;
        let me = self.published.identity.member_id;
        match consistency::corrupt(me, before.into(), after.into(), &answers) {
            Some(id) => self.raise_corrupt(id).await,
            None => Ok(()),
        }
    }

    /// Compares the last compaction, if that is later than `checked`. Answers up to which compaction
    /// no more is to be compared.
    pub(super) async fn check_compaction(
        &self,
        others: &dyn Others,
        checked: i64,
    ) -> Result<i64, Error> {
        let compacted = self.published.state.load().compacted;
        if compacted <= checked {
            return Ok(checked);
        }
        let mine = match self.hash_kv(compacted).await {
            Ok(mine) => mine,
            // Compacted again meanwhile.
            Err(Error::Compacted { .. }) => return Ok(checked),
            Err(error) => return Err(error),
        };
        let answers = others.fingerprints(compacted).await;
        let me = self.published.identity.member_id;
        match consistency::at_compaction(me, mine.into(), &answers) {
            Verdict::Same => Ok(compacted),
            Verdict::Unsettled => Ok(checked),
            Verdict::Corrupt(members) => {
                for id in members {
                    self.raise_corrupt(id).await?;
                }
                Ok(checked)
            }
        }
    }

    async fn raise_corrupt(&self, member_id: u64) -> Result<(), Error> {
        let alarm = Alarm { kind: AlarmKind::Corrupt, member_id };
        if self.published.state.load().side.alarms.has(alarm) {
            return Ok(());
        }
        tracing::error!(member = %format!("{member_id:x}"), "members differ: CORRUPT is raised");
        self.raise_alarm(alarm).await.map(drop)
    }
}

#[async_trait]
impl Others for Embedded {
    async fn fingerprints(&self, revision: i64) -> Vec<Answer> {
        let answers = self.hashes_of_others(revision).await.into_iter();
        answers.map(|(id, theirs)| (id, theirs.map(Fingerprint::from))).collect()
    }
}
