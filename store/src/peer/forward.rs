//! Proposals on their way to the leader, in batches: while some are under way, those that come
//! wait for each other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use tokio::sync::oneshot;

use super::links::Links;
use super::wire::expect_answer;

/// Batches under way at once. More than one, for the answer to a batch waits until it is applied
/// at the leader, and the next should be on its way by then.
const MAX_UNDER_WAY: usize = 8;
/// A batch takes no more once it has this many bytes: one request of the largest size is less.
const BATCH_BYTES: usize = 2 << 20;
/// A batch takes no more commands than this.
const BATCH_COMMANDS: usize = 1024;

/// What became of a command on its way. That it was applied is learnt by applying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was not proposed, and never will be.
    Refused,
    /// It was proposed, or lost, or is under way still.
    Unknown,
}

#[derive(Debug)]
struct Item {
    leader: u64,
    term: u64,
    command: Bytes,
    outcome: oneshot::Sender<Outcome>,
}

/// Carries commands to leaders. Its tasks live while there is something to carry.
#[derive(Debug)]
pub(crate) struct Forwarder {
    links: Arc<Links>,
    patience: Duration,
    queue: Mutex<Queue>,
}

/// Bounded by the requests that wait for their commands.
#[derive(Debug, Default)]
struct Queue {
    items: Vec<Item>,
    under_way: usize,
}

impl Forwarder {
    /// `patience`: how long a batch may take.
    pub fn new(links: Arc<Links>, patience: Duration) -> Arc<Self> {
        Arc::new(Self { links, patience, queue: Mutex::default() })
    }

    /// Sends `command` to the leader of `term`, which proposes it only while it leads in that
    /// term. The receiver errs like [`Outcome::Unknown`].
    pub fn send(
        self: &Arc<Self>,
        leader: u64,
        term: u64,
        command: Bytes,
    ) -> oneshot::Receiver<Outcome> {
        let (outcome, receiver) = oneshot::channel();
        let mut queue = self.lock();
        queue.items.push(Item { leader, term, command, outcome });
        if queue.under_way < MAX_UNDER_WAY {
            queue.under_way += 1;
            drop(queue);
            tokio::spawn(Arc::clone(self).carry());
        }
        receiver
    }

    async fn carry(self: Arc<Self>) {
        loop {
            let batch = {
                let mut queue = self.lock();
                let batch = next_batch(&mut queue.items);
                if batch.is_empty() {
                    queue.under_way -= 1;
                    return;
                }
                batch
            };
            self.carry_batch(batch).await;
        }
    }

    async fn carry_batch(&self, batch: Vec<Item>) {
        let (leader, term) = (batch[0].leader, batch[0].term);
        let commands = batch.iter().map(|item| item.command.clone()).collect();
        let question = Question::Forward(pb::Forward { term, commands });
        let answer = self.links.ask(leader, question, self.patience).await;
        let refused = match answer.and_then(|answer| expect_answer!(answer, Forward)) {
            Ok(answer) => answer.refused,
            Err(status) => {
                tracing::debug!(%status, leader, "forwarded commands have an unknown outcome");
                Vec::new()
            }
        };
        for (at, item) in batch.into_iter().enumerate() {
            let refused = refused.contains(&(at as u32));
            let outcome = if refused { Outcome::Refused } else { Outcome::Unknown };
            // Who does not wait any more has been answered.
            let _ = item.outcome.send(outcome);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().expect("no code panics while it holds the queue")
    }
}

/// Takes from the front what goes to the same leader of the same term and fits one batch.
fn next_batch(items: &mut Vec<Item>) -> Vec<Item> {
    let Some(first) = items.first() else { return Vec::new() };
    let to = (first.leader, first.term);
    let mut bytes = 0;
    let fits = |item: &&Item| {
        let room = bytes < BATCH_BYTES && (item.leader, item.term) == to;
        bytes += item.command.len();
        room
    };
    let count = items.iter().take(BATCH_COMMANDS).take_while(fits).count();
    items.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(leader: u64, bytes: usize) -> Item {
        let command = Bytes::from(vec![0; bytes]);
        Item { leader, term: 1, command, outcome: oneshot::channel().0 }
    }

    fn batches(mut items: Vec<Item>) -> Vec<usize> {
        let mut counts = Vec::new();
        loop {
            match next_batch(&mut items).len() {
                0 => return counts,
                count => counts.push(count),
            }
        }
    }

    #[test]
    fn batches_are_bounded_and_go_to_one_leader() {
        let mixed = [1, 1, 2, 1].map(|leader| item(leader, 1));
        assert_eq!(batches(mixed.into()), [2, 1, 1]);
        let many = (0..BATCH_COMMANDS + 1).map(|_| item(1, 1)).collect();
        assert_eq!(batches(many), [BATCH_COMMANDS, 1]);
        let large = (0..3).map(|_| item(1, BATCH_BYTES / 2 + 1)).collect();
        assert_eq!(batches(large), [2, 1]);
        assert_eq!(batches(Vec::new()), [0; 0]);
    }
}
