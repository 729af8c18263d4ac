//! Queue semantics. The clock is paused: it moves only when every task waits.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use client::{RateLimit, WorkQueue, run_workers};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_queued_key_is_queued_once() {
    let queue = WorkQueue::default();
    queue.add("a");
    queue.add("b");
    queue.add("a");
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.get().await, Some("a"));
    assert_eq!(queue.get().await, Some("b"));
    assert!(timeout(MS, queue.get()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_key_added_while_handled_comes_again_after_done() {
    let queue = WorkQueue::default();
    queue.add("a");
    assert_eq!(queue.get().await, Some("a"));
    queue.add("a");
    queue.add("a");
    assert!(timeout(MS, queue.get()).await.is_err(), "handled by two at a time");
    queue.done(&"a");
    assert_eq!(queue.get().await, Some("a"));
    queue.done(&"a");
    assert!(timeout(MS, queue.get()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_key_comes_at_its_earliest_time() {
    let queue = WorkQueue::default();
    let start = Instant::now();
    queue.add_after("late", 300 * MS);
    queue.add_after("a", 200 * MS);
    queue.add_after("a", 100 * MS);
    queue.add_after("a", 400 * MS);
    assert_eq!(queue.get().await, Some("a"));
    assert_eq!(start.elapsed(), 100 * MS);
    queue.done(&"a");
    assert_eq!(queue.get().await, Some("late"));
    assert_eq!(start.elapsed(), 300 * MS);
    assert!(timeout(1000 * MS, queue.get()).await.is_err(), "a came twice");
}

/// A worker that waits for a far key must notice a nearer one.
#[tokio::test(start_paused = true)]
async fn a_waiting_worker_notices_a_nearer_key() {
    let queue = WorkQueue::default();
    queue.add_after("far", 1000 * MS);
    let worker = tokio::spawn({
        let queue = queue.clone();
        async move { (queue.get().await, Instant::now()) }
    });
    tokio::task::yield_now().await;
    let start = Instant::now();
    queue.add_after("near", 10 * MS);
    let (key, at) = worker.await.expect("the worker lives");
    assert_eq!((key, at - start), (Some("near"), 10 * MS));
}

#[tokio::test(start_paused = true)]
async fn failures_double_the_delay_up_to_the_bound() {
    let queue = WorkQueue::new(RateLimit { base: 5 * MS, max: 30 * MS });
    for expected in [5, 10, 20, 30, 30] {
        let start = Instant::now();
        queue.add_rate_limited("a");
        assert_eq!(queue.get().await, Some("a"));
        assert_eq!(start.elapsed(), expected * MS);
        queue.done(&"a");
    }
    assert_eq!(queue.failures(&"a"), 5);
    queue.forget(&"a");
    let start = Instant::now();
    queue.add_rate_limited("a");
    assert_eq!(queue.get().await, Some("a"));
    assert_eq!(start.elapsed(), 5 * MS);
}

#[tokio::test(start_paused = true)]
async fn shutdown_drains_and_ends_every_worker() {
    let queue = WorkQueue::default();
    queue.add("a");
    queue.add_after("later", MS);
    queue.shutdown();
    queue.add("b");
    assert_eq!(queue.get().await, Some("a"));
    let ends: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.get().await })
        })
        .collect();
    for end in ends {
        assert_eq!(end.await.expect("the worker lives"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn workers_retry_what_fails_and_stop_when_told() {
    let (queue, cancel) = (WorkQueue::default(), CancellationToken::new());
    queue.add("good");
    queue.add("bad");
    let log = RefCell::new(Vec::new());
    run_workers(queue.clone(), 2, cancel.clone(), |key| {
        log.borrow_mut().push(key);
        let bad = log.borrow().iter().filter(|key| **key == "bad").count();
        let cancel = cancel.clone();
        async move {
            match key {
                "bad" if bad < 4 => return Err("not yet"),
                "bad" => cancel.cancel(),
                _ => (),
            }
            Ok(())
        }
    })
    .await;
    assert_eq!(*log.borrow(), ["good", "bad", "bad", "bad", "bad"]);
    assert!(queue.is_shut_down());
    assert_eq!(queue.failures(&"good"), 0);
}

#[tokio::test(start_paused = true)]
async fn no_key_is_handled_by_two_workers() {
    let (queue, cancel) = (WorkQueue::default(), CancellationToken::new());
    let (active, handled) = (Cell::new(0), Cell::new(0));
    queue.add(0);
    run_workers(queue.clone(), 8, cancel.clone(), |_| {
        active.set(active.get() + 1);
        assert_eq!(active.get(), 1);
        let (active, handled, queue, cancel) = (&active, &handled, queue.clone(), cancel.clone());
        async move {
            queue.add(0);
            tokio::time::sleep(MS).await;
            active.set(active.get() - 1);
            handled.set(handled.get() + 1);
            if handled.get() == 20 {
                cancel.cancel();
            }
            Ok::<_, String>(())
        }
    })
    .await;
    assert_eq!(handled.get(), 20);
}
