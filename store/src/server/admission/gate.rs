//! Wakes requests when their turn comes.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use super::ClientId;
use super::schedule::{Arrival, Limits, Schedule};
use crate::error::Error;

/// Shared by all services of a member. Uncontended, an entry and its end cost a lock each.
#[derive(Debug)]
pub(in crate::server) struct Gate {
    schedule: Mutex<Schedule<oneshot::Sender<Permit>>>,
}

/// A proposal under way, until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Permit {
    /// `None` once the permit has ended.
    gate: Option<Arc<Gate>>,
    bytes: usize,
}

impl Permit {
    fn new(gate: &Arc<Gate>, bytes: usize) -> Self {
        Self { gate: Some(Arc::clone(gate)), bytes }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.lock().depart(self.bytes);
            gate.admit();
        }
    }
}

impl Gate {
    pub(in crate::server) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { schedule: Mutex::new(Schedule::new(limits)) })
    }

    fn lock(&self) -> MutexGuard<'_, Schedule<oneshot::Sender<Permit>>> {
        self.schedule.lock().expect("no code panics while it holds the schedule")
    }

    /// Waits for a turn to propose `bytes`. The proposal is under way while the permit lives. A
    /// caller that is dropped while it waits gives up its place.
    pub(in crate::server) async fn enter(
        self: &Arc<Self>,
        client: ClientId,
        bytes: usize,
    ) -> Result<Permit, Error> {
        let mut turn = None;
        let arrival = self.lock().arrive(client, bytes, || {
            let (sender, receiver) = oneshot::channel();
            turn = Some(receiver);
            sender
        });
        let number = match arrival {
            Arrival::Admitted => return Ok(Permit::new(self, bytes)),
            Arrival::Refused => return Err(Error::TooManyRequests),
            Arrival::Waiting(number) => number,
        };
        let turn = turn.expect("a ticket was made for who waits");
        let mut place = Place { gate: self, client, number, left: false };
        let permit = turn.await;
        place.left = true;
        // The gate drops no ticket of someone who waits.
        permit.map_err(|_| Error::Stopped)
    }

    /// Requests that wait for their turn.
    pub(in crate::server) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Hands out what room there is.
    fn admit(self: &Arc<Self>) {
        loop {
            let Some((turn, bytes)) = self.lock().next() else { return };
            if let Err(mut permit) = turn.send(Permit::new(self, bytes)) {
                // Given up in this very moment. Dropping it would come back here, and nest.
                permit.gate = None;
                self.lock().depart(bytes);
            }
        }
    }
}

/// A place in a queue.
struct Place<'a> {
    gate: &'a Arc<Gate>,
    client: ClientId,
    number: u64,
    left: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.left && self.gate.lock().abandon(self.client, self.number) {
            // Who stood behind a large request may go now.
            self.gate.admit();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LIMITS: Limits = Limits {
        in_flight: 1,
        in_flight_bytes: 100,
        waiting_per_client: 2,
        waiting: 3,
        waiting_bytes: 100,
    };

    #[tokio::test]
    async fn a_permit_that_ends_wakes_the_next_in_turn() {
        let gate = Gate::new(LIMITS);
        let first = gate.enter(ClientId(1), 1).await.expect("there is room");
        let mut second = Box::pin(gate.enter(ClientId(1), 1));
        let mut third = Box::pin(gate.enter(ClientId(1), 1));
        let mut other = Box::pin(gate.enter(ClientId(2), 1));
        for waiting in [&mut second, &mut third, &mut other] {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!(gate.waiting(), 3);
        let refused = gate.enter(ClientId(3), 1).await.expect_err("there is no room to wait");
        assert_eq!(refused, Error::TooManyRequests);
        drop(first);
        let second = second.await.expect("it is its turn");
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        let other = other.await.expect("the other client comes first");
        assert!((&mut third).now_or_never().is_none());
        drop(other);
        drop(third.await.expect("its turn comes"));
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test]
    async fn who_is_dropped_holds_nothing() {
        let gate = Gate::new(LIMITS);
        let first = gate.enter(ClientId(1), 1).await.expect("there is room");
        let mut gone = Box::pin(gate.enter(ClientId(1), 1));
        let mut woken = Box::pin(gate.enter(ClientId(1), 1));
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut woken).now_or_never().is_none());
        drop(gone);
        assert_eq!(gate.waiting(), 1);
        drop(first);
        // Its turn has come, and it goes without having seen it.
        drop(woken);
        let again = gate.enter(ClientId(1), 1).now_or_never();
        again.expect("nobody is in the way").expect("there is room");
    }
}
