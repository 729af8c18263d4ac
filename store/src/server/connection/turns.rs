//! Requests as part of their connection's task.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::AsyncWrite;

use super::Corked;

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Rounds of reading and running before the socket is written to and other tasks have their turn.
const ROUNDS: usize = 4;

/// Where hyper leaves the requests that it has read. One for each connection.
#[derive(Clone, Default)]
pub(in crate::server) struct Requests(Arc<Mutex<Vec<Request>>>);

impl Requests {
    fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.0.lock().expect("no code panics while it holds the list"))
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Requests {
    fn execute(&self, request: F) {
        // A request that panics ends alone, as a task would.
        let request = AssertUnwindSafe(request).catch_unwind().map(|_| ());
        let mut list = self.0.lock().expect("no code panics while it holds the list");
        list.push(Box::pin(request));
    }
}

/// A connection with its requests.
pub(in crate::server) struct Turns<C, S> {
    connection: Pin<Box<C>>,
    arrived: Requests,
    running: FuturesUnordered<Request>,
    socket: Corked<S>,
}

impl<C, S> Turns<C, S> {
    /// `connection` writes to `socket` and leaves its requests in `requests`.
    pub(in crate::server) fn new(connection: C, requests: Requests, socket: Corked<S>) -> Self {
        let (connection, running) = (Box::pin(connection), FuturesUnordered::new());
        Self { connection, arrived: requests, running, socket }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl<C, S> Turns<C, S>
where
    C: Future<Output = Outcome>,
    S: AsyncWrite + Unpin,
{
    /// Reads and runs until nothing more can be done now.
    fn poll_rounds(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        for _ in 0..ROUNDS {
            if let Poll::Ready(outcome) = self.connection.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            self.running.extend(self.arrived.take());
            let mut answered = false;
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(context) {
                answered = true;
            }
            // Whatever a request has sent has woken this task, so nothing is forgotten here.
            if !answered {
                break;
            }
        }
        Poll::Pending
    }
}

impl<C, S> Future for Turns<C, S>
where
    C: Future<Output = Outcome>,
    S: AsyncWrite + Unpin,
{
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let outcome = this.poll_rounds(context);
        if outcome.is_ready() {
            return outcome; // The connection has shut its socket down.
        }
        match this.socket.poll_uncork(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Box::<io::Error>::new(error))),
            // Without room the socket wakes this task once there is some.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }
}
