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
    command: Bytes,
    outcome: oneshot::Sender<Outcome>,
}

/// Carries commands to leaders.
#[derive(Debug)]
pub(crate) struct Forwarder {
    links: Arc<Links>,
    patience: Duration,
    /// To the leader that commands went to last.
    lane: Mutex<Option<Arc<Lane>>>,
}

/// What is on its way to the leader of one term: another gets a lane of its own, so that what the
/// last one left unanswered holds up nobody. Its tasks live while there is something to carry.
#[derive(Debug)]
struct Lane {
    links: Arc<Links>,
    patience: Duration,
    leader: u64,
    term: u64,
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
    pub fn new(links: Arc<Links>, patience: Duration) -> Self {
        Self { links, patience, lane: Mutex::default() }
    }

    /// Sends `command` to the leader of `term`, which proposes it only while it leads in that
    /// term. The receiver errs like [`Outcome::Unknown`].
    pub fn send(&self, leader: u64, term: u64, command: Bytes) -> oneshot::Receiver<Outcome> {
        let (outcome, receiver) = oneshot::channel();
        self.lane(leader, term).push(Item { command, outcome });
        receiver
    }

    fn lane(&self, leader: u64, term: u64) -> Arc<Lane> {
        let mut lane = self.lane.lock().expect("no code panics while it holds the lane");
        let same = lane.as_ref().filter(|lane| (lane.leader, lane.term) == (leader, term));
        if let Some(lane) = same {
            return Arc::clone(lane);
        }
        let new = Arc::new(Lane {
            links: Arc::clone(&self.links),
            patience: self.patience,
            leader,
            term,
            queue: Mutex::default(),
        });
        *lane = Some(Arc::clone(&new));
        new
    }
}

impl Lane {
    fn push(self: Arc<Self>, item: Item) {
        let mut queue = self.lock();
        queue.items.push(item);
        if queue.under_way < MAX_UNDER_WAY {
            queue.under_way += 1;
            drop(queue);
            tokio::spawn(self.carry());
        }
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
        let commands = batch.iter().map(|item| item.command.clone()).collect();
        let question = Question::Forward(pb::Forward { term: self.term, commands });
        let answer = self.links.ask(self.leader, question, self.patience).await;
        let refused = match answer.and_then(|answer| expect_answer!(answer, Forward)) {
            Ok(answer) => answer.refused,
            Err(status) => {
                let leader = self.leader;
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

/// Takes from the front what fits one batch.
fn next_batch(items: &mut Vec<Item>) -> Vec<Item> {
    let mut bytes = 0;
    let fits = |item: &&Item| {
        let room = bytes < BATCH_BYTES;
        bytes += item.command.len();
        room
    };
    let count = items.iter().take(BATCH_COMMANDS).take_while(fits).count();
    items.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Item {
        Item { command: Bytes::from(vec![0; bytes]), outcome: oneshot::channel().0 }
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
    fn batches_are_bounded() {
        assert_eq!(batches((0..3).map(|_| item(1)).collect()), [3]);
        let many = (0..BATCH_COMMANDS + 1).map(|_| item(1)).collect();
        assert_eq!(batches(many), [BATCH_COMMANDS, 1]);
        let large = (0..3).map(|_| item(BATCH_BYTES / 2 + 1)).collect();
        assert_eq!(batches(large), [2, 1]);
        assert_eq!(batches(Vec::new()), [0; 0]);
    }
}
