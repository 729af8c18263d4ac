//! Who waits for a proposal that another member was asked to make.
//!
//! The answer comes from this member's own state machine, so whoever has it reads its own write
//! here, finds its event in this member's watches, and sees this member in the header.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::reply::Reply;

/// Waiters by request id. Bounded by the requests under way.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<HashMap<u64, oneshot::Sender<Result<Reply, Error>>>>);

/// One who waits. Leaves when dropped.
#[derive(Debug)]
pub struct Waiter<'a> {
    waiters: &'a Waiters,
    request_id: u64,
    answer: oneshot::Receiver<Result<Reply, Error>>,
}

impl Waiters {
    /// Waits for the proposal with this id.
    pub fn register(&self, request_id: u64) -> Waiter<'_> {
        let (sender, answer) = oneshot::channel();
        self.lock().insert(request_id, sender);
        Waiter { waiters: self, request_id, answer }
    }

    pub fn has(&self, request_id: u64) -> bool {
        self.lock().contains_key(&request_id)
    }

    pub fn answer(&self, request_id: u64, reply: Result<Reply, Error>) {
        let waiter = self.lock().remove(&request_id);
        if let Some(waiter) = waiter {
            // Who does not wait any more needs no answer.
            let _ = waiter.send(reply);
        }
    }

    /// Lets all go without an answer.
    pub fn abandon(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<Reply, Error>>>> {
        self.0.lock().expect("no code panics while it holds the waiters")
    }
}

impl Waiter<'_> {
    /// The answer, `None` if there will be none: whether the proposal was applied is unknown.
    pub async fn answer(&mut self) -> Option<Result<Reply, Error>> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiters.lock().remove(&self.request_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_waiter_gets_its_own_answer_once() {
        let waiters = Waiters::default();
        let (mut one, mut two) = (waiters.register(1), waiters.register(2));
        waiters.answer(2, Err(Error::KeyNotFound));
        waiters.answer(3, Err(Error::EmptyKey));
        assert_eq!(two.answer().await, Some(Err(Error::KeyNotFound)));
        assert!(!waiters.has(2));
        assert!(waiters.has(1));
        waiters.abandon();
        assert_eq!(one.answer().await, None);
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let waiters = Waiters::default();
        drop(waiters.register(1));
        assert!(!waiters.has(1));
    }
}
