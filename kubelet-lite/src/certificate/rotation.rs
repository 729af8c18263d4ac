//! Keeps one certificate: asks for the first, and for the next before it ends.

use std::time::Duration;

use client::backoff::{Backoff, Bounds};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::ask::ask;
use super::error::Error;
use super::plan::{due, has_ended};
use super::store::Store;
use super::wanted::Wanted;
use crate::pod::time::Clock;

/// Between requests that fail.
const RETRY: Bounds = Bounds { base: Duration::from_secs(1), max: Duration::from_secs(60) };

/// A sleep is cut into parts: clocks of machines that slept, or were set, are looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

pub struct Rotation {
    pub store: Store,
    pub wanted: Wanted,
    /// The node's own client.
    pub client: Client,
    /// For when the node's own certificate has ended.
    pub bootstrap: Option<Client>,
    pub clock: Clock,
}

impl Rotation {
    /// Runs until cancelled. `there` turns true once there is a certificate that serves.
    pub async fn run(self, cancel: CancellationToken, there: watch::Sender<bool>) {
        cancel.run_until_cancelled(self.keep(&there)).await;
    }

    async fn keep(&self, there: &watch::Sender<bool>) {
        let mut backoff = Backoff::new(RETRY);
        loop {
            let held = self.store.current();
            if let Some(due) = due(held.as_ref(), &self.wanted, self.now(), rand::random()) {
                there.send_replace(true);
                self.sleep_until(due).await;
            }
            match self.renew().await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    let signer = self.wanted.signer;
                    tracing::warn!(signer, error = error.chain(), "no certificate; trying again");
                    tokio::time::sleep(backoff.next(rand::random())).await;
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), Error> {
        let ended = self.store.current().is_none_or(|held| has_ended(&held, self.now()));
        let client = self.bootstrap.as_ref().filter(|_| ended).unwrap_or(&self.client);
        let (certificate, key) = ask(client, &self.wanted).await?;
        self.store.update(&certificate, &key, self.now())?;
        tracing::info!(path = %self.store.current_path().display(), "a certificate was renewed");
        Ok(())
    }

    async fn sleep_until(&self, due: Timestamp) {
        while let Ok(left) = Duration::try_from(due.duration_since(self.now())) {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from((self.clock)())).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
