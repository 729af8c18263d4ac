//! One client: asks, records, and moves on to another member when one fails it.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::fleet::Shared;
use super::{Connection, Profile, Traffic, perform};
use crate::history::{Outcome, Refusal, Request};

/// Before the next try after no member took a connection.
const RECONNECT: Duration = Duration::from_millis(100);
/// Now and then a client goes to another member though nothing is wrong: one request of so many.
const WANDERS: u32 = 300;

/// Asks until it is told to stop; what is under way then is waited for.
pub async fn run(
    shared: Arc<Shared>,
    profile: Profile,
    name: u32,
    pause: Duration,
    stop: CancellationToken,
) {
    let mut traffic = Traffic::new(profile, name, shared.seed);
    let mut rng = StdRng::seed_from_u64(shared.seed.wrapping_add(u64::from(name)));
    let mut identity = shared.new_client();
    let mut link: Option<(String, Connection)> = None;
    while !stop.is_cancelled() {
        let Some((member, connection)) = &link else {
            link = shared.connect_to_any(&mut rng).await;
            if link.is_none() {
                tokio::time::sleep(RECONNECT).await;
            }
            continue;
        };
        let request = traffic.asks();
        let outcome = ask(&shared, identity, member, connection, &request).await;
        traffic.learn(&request, &outcome);
        match outcome {
            Outcome::Unknown(_) => {
                // The request may be under way still, and a client has one at a time.
                identity = shared.new_client();
                link = None;
            }
            Outcome::Refused(Refusal::NotServed { .. }) => link = None,
            Outcome::Done(_) | Outcome::Refused(_) => {}
        }
        if rng.random_ratio(1, WANDERS) {
            link = None;
        }
        tokio::time::sleep(pause.mul_f64(rng.random_range(0.2..1.8))).await;
    }
}

/// One request, recorded.
pub async fn ask(
    shared: &Shared,
    client: u64,
    member: &str,
    connection: &Connection,
    request: &Request,
) -> Outcome {
    let op = shared.recorder.invoke(client, member, request.clone());
    let outcome = perform(connection, request).await;
    shared.recorder.returned(op, outcome.clone());
    outcome
}
