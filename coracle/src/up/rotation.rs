//! Keeps the cluster's PKI: renews what is due, lets authorities roll over, tells who wants to know.
//!
//! It only writes files; listeners and clients follow them. It looks every second whether something
//! is due, or whether somebody else has written to the PKI's directories, a command for one.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::HostNames;
use certs::cluster::{AuthorityKind, Settings};
use certs::rotation::{Ending, Round, Step, round};
use client::{EventRecorder, EventType};
use k8s_openapi::api::core::v1::ObjectReference;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// Between two looks. Each asks for the times of two directories.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After a round that failed: a full disk is not emptier a second later.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Whose PKI is kept, and where.
pub struct Place {
    pub pki: PathBuf,
    pub host: HostNames,
    pub settings: Settings,
    pub kubeconfig: PathBuf,
    /// URL of the API in the kubeconfig.
    pub server: String,
}

/// What the last round found, for those who publish it.
pub struct Found {
    /// PEM of the authorities that clients of the API trust.
    pub roots: watch::Receiver<String>,
    pub endings: watch::Receiver<Vec<Ending>>,
}

pub struct Rotation {
    place: Arc<Place>,
    next: OffsetDateTime,
    /// Of the directories, as the last round left them.
    seen: Vec<Stamp>,
    roots: watch::Sender<String>,
    endings: watch::Sender<Vec<Ending>>,
}

type Stamp = Option<(i64, i64)>;

impl Rotation {
    /// The first round, which makes what is missing. Blocks.
    pub fn start(place: Place) -> anyhow::Result<(Self, Found)> {
        let place = Arc::new(place);
        let (first, seen) = turn(&place)?;
        let (roots, of_roots) = watch::channel(first.pki.ca.roots_pem().to_owned());
        let (endings, of_endings) = watch::channel(first.endings);
        let found = Found { roots: of_roots, endings: of_endings };
        let rotation = Self { place, next: first.next, seen, roots, endings };
        Ok((rotation, found))
    }

    /// Goes on until it is dropped.
    pub async fn run(mut self, events: EventRecorder) {
        self.tell_of_endings(&events);
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            if OffsetDateTime::now_utc() < self.next && stamps(&self.place.pki) == self.seen {
                continue;
            }
            let place = Arc::clone(&self.place);
            let turned = tokio::task::spawn_blocking(move || turn(&place)).await;
            match turned.context("a round of the rotation was interrupted").flatten() {
                Ok((round, seen)) => self.take(round, seen, &events),
                Err(error) => {
                    let message = format!("certificates are not renewed: {error:#}");
                    tracing::error!("{message}");
                    events.event_about(
                        subject(),
                        EventType::Warning,
                        "CertificateRotationFailed",
                        message,
                    );
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    fn take(&mut self, round: Round, seen: Vec<Stamp>, events: &EventRecorder) {
        (self.next, self.seen) = (round.next, seen);
        for (kind, step) in round.steps {
            let message = sentence(kind, step);
            tracing::info!("{message}");
            events.event_about(
                subject(),
                EventType::Normal,
                "CertificateAuthorityRollover",
                message,
            );
        }
        let roots = round.pki.ca.roots_pem();
        self.roots.send_if_modified(|known| {
            let changed = known != roots;
            roots.clone_into(known);
            changed
        });
        self.endings.send_replace(round.endings);
        self.tell_of_endings(events);
    }

    fn tell_of_endings(&self, events: &EventRecorder) {
        let now = OffsetDateTime::now_utc();
        for ending in self.endings.borrow().iter().filter(|ending| ending.needs_a_hand(now)) {
            let message = format!(
                "certificate {} ends at {} and is not replaced from here: have it signed anew where \
                 the key of its authority is, or finish the rollover that waits for `rotate-ca`",
                ending.name,
                rfc3339(ending.validity.not_after)
            );
            tracing::warn!("{message}");
            events.event_about(subject(), EventType::Warning, "CertificateExpiring", message);
        }
    }
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

fn sentence(kind: AuthorityKind, step: Step) -> String {
    let authority = kind.name();
    match step {
        Step::Announce => format!("authority {authority} has a successor, which is trusted now"),
        Step::Switch => format!("the successor of authority {authority} signs from now on"),
        Step::Retire => format!("the former authority {authority} is trusted no more"),
    }
}

/// What events about the PKI are about: it has no object of its own.
fn subject() -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Namespace".to_owned()),
        name: Some("kube-system".to_owned()),
        namespace: Some("kube-system".to_owned()),
        ..ObjectReference::default()
    }
}

fn turn(place: &Place) -> anyhow::Result<(Round, Vec<Stamp>)> {
    let now = OffsetDateTime::now_utc();
    let round = round(&place.pki, &place.host, &place.settings, now)?;
    round.pki.ensure_admin_kubeconfig(&place.kubeconfig, &place.server)?;
    Ok((round, stamps(&place.pki)))
}

/// Files are replaced by renaming, which their directory shows.
fn stamps(pki: &Path) -> Vec<Stamp> {
    let of = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.mtime(), metadata.mtime_nsec()))
    };
    vec![of(pki), of(&pki.join("etcd"))]
}
