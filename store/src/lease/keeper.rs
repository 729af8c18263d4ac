//! Keeps deadlines while this member leads, and waits for the next one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use super::deadlines::Deadlines;
use crate::clock::{Clock, Instant};
use crate::command::LeaseCheckpoint;
use crate::mvcc::State;

/// Expired leases proposed for revocation at once.
const EXPIRY_BATCH: usize = 64;

/// Checkpoints in one entry, as in etcd.
const CHECKPOINT_BATCH: usize = 1000;

/// Deadlines shared by the state machine (which grants and revokes), keep-alives, and the task that
/// proposes revocations. Nothing wakes while there is no lease, nor on a member that does not lead.
pub struct Keeper {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    /// Something is due earlier than before.
    changed: Notify,
    /// A lease was revoked or leadership lost: who waits for that looks again.
    settled: Notify,
}

#[derive(Debug)]
struct Inner {
    deadlines: Deadlines,
    /// How long a new leader waits beyond a lease's time, and the longest delay of a wake-up that
    /// is none.
    election_timeout: Duration,
    leads: bool,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Expired(Vec<i64>),
    Checkpoints(Vec<LeaseCheckpoint>),
}

/// How a renewal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    Renewed,
    /// There is no such lease, or it was just revoked.
    Gone,
    NotLeading,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    /// A keeper of a member that does not lead yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let deadlines = Deadlines::default();
        let inner = Inner { deadlines, election_timeout: Duration::from_secs(1), leads: false };
        let (changed, settled) = (Notify::new(), Notify::new());
        Self { clock, inner: Mutex::new(inner), changed, settled }
    }

    /// Sets what does not change any more, before the first promotion.
    pub(super) fn configure(&self, election_timeout: Duration, checkpoints: Option<Duration>) {
        let mut inner = self.lock();
        inner.election_timeout = election_timeout;
        inner.deadlines = Deadlines::new(checkpoints);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds the deadlines")
    }

    /// This member leads: every lease of `state` begins anew, with what its checkpoint left it and
    /// an election timeout more.
    pub(super) fn promote(&self, state: &State) {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.leads = true;
        let extra = inner.election_timeout;
        let leases = state.leases().map(|(id, lease)| (id, lease.ttl, lease.remaining_ttl));
        inner.deadlines.restart(leases, extra, now);
        drop(inner);
        self.changed.notify_one();
    }

    /// This member leads no more: nothing expires here.
    pub(super) fn demote(&self) {
        let mut inner = self.lock();
        inner.leads = false;
        inner.deadlines.restart(std::iter::empty(), Duration::ZERO, Instant::default());
        drop(inner);
        self.settled.notify_waiters();
    }

    /// A lease was granted.
    pub fn granted(&self, id: i64, ttl: i64) {
        let mut inner = self.lock();
        if !inner.leads {
            return;
        }
        let before = inner.deadlines.next();
        inner.deadlines.set(id, ttl, self.clock.now());
        let earlier = before.is_none() || inner.deadlines.next() < before;
        drop(inner);
        if earlier {
            self.changed.notify_one();
        }
    }

    pub fn revoked(&self, id: i64) {
        self.lock().deadlines.remove(id);
        self.settled.notify_waiters();
    }

    /// The whole state was replaced by `state`.
    pub fn reset(&self, state: &State) {
        if self.lock().leads {
            self.promote(state);
        }
    }

    /// Whole seconds left, rounded down as in etcd, and 0 for one that waits to be revoked. `None`
    /// for an unknown lease, and on a member that does not lead.
    pub fn remaining(&self, id: i64) -> Option<i64> {
        let remaining = self.lock().deadlines.remaining(id, self.clock.now())?;
        i64::try_from(remaining.as_secs()).ok()
    }

    /// Gives a lease its full TTL again. One that has run out is not brought back: as in etcd, the
    /// answer waits until it is revoked, or until this member leads no more.
    pub(super) async fn renew(&self, id: i64, ttl: i64) -> Renewal {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if let Some(outcome) = self.try_renew(id, ttl) {
                return outcome;
            }
            settled.await;
        }
    }

    /// As [`Keeper::renew`]; `None` for a lease that is being revoked.
    fn try_renew(&self, id: i64, ttl: i64) -> Option<Renewal> {
        let mut inner = self.lock();
        if !inner.leads {
            return Some(Renewal::NotLeading);
        }
        let now = self.clock.now();
        match inner.deadlines.remaining(id, now) {
            None => Some(Renewal::Gone),
            Some(Duration::ZERO) => None,
            Some(_) => {
                inner.deadlines.set(id, ttl, now);
                Some(Renewal::Renewed)
            }
        }
    }

    /// Those of `ids` that have run out, as things stand now.
    pub(super) fn still_expired(&self, ids: Vec<i64>) -> Vec<i64> {
        let now = self.clock.now();
        let inner = self.lock();
        let out = |id: &i64| inner.deadlines.remaining(*id, now) == Some(Duration::ZERO);
        ids.into_iter().filter(|id| inner.leads && out(id)).collect()
    }

    /// Waits until something is due, and returns some of it. What is not dealt with is returned
    /// again after a while.
    pub(super) async fn due(&self) -> Due {
        loop {
            let next = {
                let now = self.clock.now();
                let mut inner = self.lock();
                let expired = inner.deadlines.expired(now, EXPIRY_BATCH);
                if !expired.is_empty() {
                    return Due::Expired(expired);
                }
                let checkpoints = inner.deadlines.checkpoints(now, CHECKPOINT_BATCH);
                if !checkpoints.is_empty() {
                    return Due::Checkpoints(checkpoints);
                }
                inner.deadlines.next()
            };
            match next {
                None => self.changed.notified().await,
                Some(next) => {
                    let slept = tokio::select! {
                        () = self.clock.sleep_until(next) => true,
                        () = self.changed.notified() => false,
                    };
                    if slept {
                        self.allow_for_sleep(next);
                    }
                }
            }
        }
    }

    /// A wake-up that comes much later than it was asked for means that this process did not run.
    /// Neither did it hear keep-alives, so that time counts against no lease, and there is some more
    /// for those that wait to be heard.
    fn allow_for_sleep(&self, asked: Instant) {
        let late = self.clock.now().saturating_since(asked);
        let mut inner = self.lock();
        if late > inner.election_timeout {
            tracing::warn!(?late, "this member was not running; leases are given that time");
            let by = late.saturating_add(inner.election_timeout);
            inner.deadlines.postpone_all(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;
    use crate::command::Command;
    use crate::mvcc::{Identity, Machine};

    /// A clock that the test moves. Sleeps end at once when they are looked at again and their time
    /// has come.
    #[derive(Debug, Default)]
    struct Hand(Mutex<Duration>, Arc<Notify>);

    impl Hand {
        fn advance(&self, by: Duration) {
            *self.0.lock().expect("no test panics while it moves the clock") += by;
            self.1.notify_waiters();
        }
    }

    impl Clock for Arc<Hand> {
        fn now(&self) -> Instant {
            Instant::from_start(*self.0.lock().expect("no test panics while it moves the clock"))
        }

        fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
            let hand = Arc::clone(self);
            async move {
                loop {
                    let moved = hand.1.notified();
                    tokio::pin!(moved);
                    moved.as_mut().enable();
                    if hand.now() >= deadline {
                        return;
                    }
                    moved.await;
                }
            }
            .boxed()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// A leading keeper of one lease of ten seconds.
    fn leading() -> (Arc<Hand>, Keeper) {
        let hand = Arc::new(Hand::default());
        let keeper = Keeper::new(Arc::new(Arc::clone(&hand)));
        keeper.promote(&State::default());
        keeper.granted(1, 10);
        (hand, keeper)
    }

    #[test]
    fn who_does_not_lead_keeps_no_time() {
        let (hand, keeper) = leading();
        keeper.demote();
        assert_eq!(keeper.remaining(1), None);
        keeper.granted(2, 10);
        hand.advance(100 * SECOND);
        assert!(keeper.due().now_or_never().is_none());
        assert_eq!(keeper.renew(1, 10).now_or_never(), Some(Renewal::NotLeading));
    }

    #[test]
    fn a_promotion_gives_each_lease_its_time_and_an_election_timeout() {
        let mut machine = Machine::new(Identity::default(), State::default());
        machine.apply(1, Command::LeaseGrant { id: 1, ttl: 10 });
        machine.apply(1, Command::LeaseGrant { id: 2, ttl: 10 });
        let checkpoint = LeaseCheckpoint { id: 2, remaining_ttl: 4 };
        machine.apply(1, Command::LeaseCheckpoint(vec![checkpoint]));
        let (_, keeper) = leading();
        keeper.promote(machine.state());
        assert_eq!((keeper.remaining(1), keeper.remaining(2)), (Some(11), Some(5)));
    }

    #[test]
    fn an_expired_lease_is_not_renewed_but_waited_for() {
        let (hand, keeper) = leading();
        assert_eq!(keeper.renew(1, 10).now_or_never(), Some(Renewal::Renewed));
        hand.advance(10 * SECOND);
        assert_eq!(keeper.due().now_or_never(), Some(Due::Expired(vec![1])));
        let mut renewal = Box::pin(keeper.renew(1, 10));
        assert_eq!(renewal.as_mut().now_or_never(), None);
        keeper.revoked(1);
        assert_eq!(renewal.now_or_never(), Some(Renewal::Gone));
        assert_eq!(keeper.renew(1, 10).now_or_never(), Some(Renewal::Gone));
    }

    #[test]
    fn a_member_that_slept_gives_the_time_back() {
        let (hand, keeper) = leading();
        let mut due = Box::pin(keeper.due());
        assert_eq!(due.as_mut().now_or_never(), None);
        hand.advance(60 * SECOND);
        assert_eq!(due.as_mut().now_or_never(), None, "the lease was given the time");
        assert_eq!(keeper.remaining(1), Some(1));
        hand.advance(SECOND);
        assert_eq!(due.as_mut().now_or_never(), Some(Due::Expired(vec![1])));
    }

    #[test]
    fn what_was_renewed_meanwhile_is_expired_no_more() {
        let (hand, keeper) = leading();
        keeper.granted(2, 20);
        hand.advance(10 * SECOND);
        assert_eq!(keeper.still_expired(vec![1, 2, 3]), [1]);
        keeper.demote();
        assert_eq!(keeper.still_expired(vec![1, 2, 3]), [0i64; 0]);
    }
}
