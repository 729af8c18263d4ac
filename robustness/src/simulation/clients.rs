//! Clients: each asks one member at a time, and goes to another when that one fails it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::chance::Chance;
use super::network::{Arrival, Here, Job, Wires};
use crate::history::{Outcome, Recorder, Refusal, Request};
use crate::traffic::{Drawer, perform};

/// What clients share.
#[derive(Clone)]
pub struct Desk {
    pub wires: Wires,
    pub recorder: Arc<Recorder>,
    /// Where members may be found, by name and URL.
    pub members: Arc<std::sync::Mutex<Vec<(String, String)>>>,
    /// Set when clients are to end what they do.
    pub closing: Arc<AtomicBool>,
}

impl Desk {
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Whether the member has not been removed.
    pub fn has(&self, name: &str) -> bool {
        let members = self.members.lock().expect("no code panics while it holds the members");
        members.iter().any(|(member, _)| member == name)
    }

    /// One of the members, running or not.
    pub fn some_member(&self, chance: &mut Chance) -> (String, String) {
        let members = self.members.lock().expect("no code panics while it holds the members");
        chance.pick(&members).expect("a cluster has members").clone()
    }
}

/// How long a client waits for an answer.
const SHORTEST_PATIENCE_MS: u64 = 500;
const LONGEST_PATIENCE_MS: u64 = 6000;

/// Makes requests until the desk closes.
pub async fn ask_away(
    desk: Desk,
    client: u64,
    mut drawer: Drawer,
    mut chance: Chance,
    pause_ms: u64,
) {
    let mut at = desk.some_member(&mut chance);
    while !desk.is_closing() {
        let request = drawer.draw();
        let op = desk.recorder.invoke(client, at.0.clone(), request.clone());
        let patience =
            Duration::from_millis(chance.within(SHORTEST_PATIENCE_MS..LONGEST_PATIENCE_MS));
        let outcome = ask(&desk.wires, client, &at.1, request.clone(), patience).await;
        drawer.learn(&request, &outcome);
        let failed =
            matches!(&outcome, Outcome::Unknown(_) | Outcome::Refused(Refusal::NotServed { .. }));
        desk.recorder.returned(op, outcome);
        if failed || chance.happens(0.05) {
            at = desk.some_member(&mut chance);
        }
        let pause = if failed { 20 } else { chance.within(0..pause_ms + 1) };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Puts one request to the member at `url`.
pub async fn ask(
    wires: &Wires,
    client: u64,
    url: &str,
    request: Request,
    patience: Duration,
) -> Outcome {
    let (answer, answered) = oneshot::channel::<Outcome>();
    let from = format!("client-{client}");
    let (back, member, caller) = (wires.clone(), url.to_owned(), from.clone());
    let slot = Arc::new(std::sync::Mutex::new(Some(answer)));
    let taken = Arc::clone(&slot);
    let job: Job = Box::new(move |here: Here| -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let outcome = perform(&*here.store, request).await;
            back.send(&member, &caller, move |arrival| {
                if arrival == Arrival::There {
                    give(&taken, outcome);
                }
            });
        })
    });
    let (there, to) = (wires.clone(), url.to_owned());
    wires.send(&from, url, move |arrival| {
        if arrival == Arrival::There && there.run_at(&to, job).is_err() {
            let reason = "connection refused".to_owned();
            give(&slot, Outcome::Refused(Refusal::NotServed { reason }));
        }
    });
    match tokio::time::timeout(patience, answered).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::Unknown("the connection was lost".into()),
        Err(_) => Outcome::Unknown("no answer in time".into()),
    }
}

fn give(slot: &std::sync::Mutex<Option<oneshot::Sender<Outcome>>>, outcome: Outcome) {
    let answer = slot.lock().expect("no code panics while it holds the answer").take();
    if let Some(answer) = answer {
        // Who does not wait any more needs no answer.
        let _ = answer.send(outcome);
    }
}
