//! The queue's lists and their rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Entry, Place, Popped};
use crate::cluster::PodInfo;
use crate::framework::{Events, Profile};

/// An unschedulable pod is tried again after this long even if nothing happened that is known to
/// help it. Upstream's safety net.
const MAX_UNSCHEDULABLE: Duration = Duration::from_secs(5 * 60);

type Uid = Arc<str>;

/// See the module. Every pod is in `entries`; the ordered maps say who is next.
#[derive(Default)]
pub struct SchedulingQueue {
    entries: HashMap<Uid, Entry>,
    active: BTreeMap<(i64, u64), Uid>,
    backoff: BTreeMap<(Instant, u64), Uid>,
    unschedulable: BTreeMap<(Instant, u64), Uid>,
    /// Those of the unschedulable ones that other pods can help: few, while there is an event for
    /// every pod that is bound.
    by_pods: BTreeMap<(Instant, u64), Uid>,
    tickets: u64,
}

impl SchedulingQueue {
    /// A pod that is there or has changed. A new one, and one whose change matters, is tried at
    /// once if its plug-ins admit it; an equal one changes nothing. A change of a pod in flight is
    /// kept for the time when it comes back.
    pub fn set(&mut self, pod: Arc<PodInfo>, profile: &Profile, now: Instant) {
        let Some(entry) = self.entries.get_mut(&pod.uid) else {
            let uid = pod.uid.clone();
            let entry = Entry {
                pod,
                attempts: 0,
                place: Place::Gated,
                ticket: 0,
                failed_at: now,
                waits_for: Events::ALL,
                errored: false,
            };
            self.entries.insert(uid.clone(), entry);
            return self.activate(&uid, profile);
        };
        if entry.pod == pod {
            return;
        }
        let uid = pod.uid.clone();
        entry.pod = pod;
        if entry.place != Place::InFlight {
            self.activate(&uid, profile);
        }
    }

    /// The pod is gone, bound, or not ours any more.
    pub fn remove(&mut self, uid: &str) {
        self.unlist(uid);
        self.entries.remove(uid);
    }

    /// The next pod to schedule. It stays known, in flight, until `unschedulable`, `failed` or
    /// `remove` is called.
    pub fn pop(&mut self, profile: &Profile, now: Instant) -> Option<Popped> {
        self.flush(profile, now);
        let uid = match self.active.first_key_value() {
            Some((_, uid)) => uid.clone(),
            None => self.backoff.values().find(|uid| !self.entries[*uid].errored)?.clone(),
        };
        self.unlist(&uid);
        let entry = self.entries.get_mut(&uid).expect("a listed pod has an entry");
        entry.place = Place::InFlight;
        entry.attempts = entry.attempts.saturating_add(1);
        Some(Popped { pod: entry.pod.clone(), attempts: entry.attempts })
    }

    /// The popped pod fits nowhere now; `waits_for` may help. One that changed since it was popped
    /// is tried again.
    pub fn unschedulable(
        &mut self,
        popped: &Popped,
        waits_for: Events,
        profile: &Profile,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(&popped.pod.uid) else { return };
        entry.failed_at = now;
        entry.errored = false;
        entry.waits_for = if waits_for.is_none() { Events::ALL } else { waits_for };
        let uid = popped.pod.uid.clone();
        if entry.pod != popped.pod {
            return self.activate(&uid, profile);
        }
        self.list(&uid, Place::Unschedulable { since: now });
    }

    /// The popped pod could not be bound; it is tried again after its backoff.
    pub fn failed(&mut self, uid: &Uid, now: Instant) {
        let Some(entry) = self.entries.get_mut(uid) else { return };
        entry.failed_at = now;
        entry.errored = true;
        let until = entry.backoff_until();
        self.list(uid, Place::Backoff { until });
    }

    /// Something happened. Unschedulable pods that wait for such an event, and that `helps` says
    /// it has helped, are tried again when their backoff is over. Of those that wait for `ALL` it is
    /// not known what helps: they are tried whatever happened.
    pub fn on_event(&mut self, event: Events, profile: &Profile, helps: impl Fn(&PodInfo) -> bool) {
        let waiting = if event == Events::PODS { &self.by_pods } else { &self.unschedulable };
        let helped: Vec<Uid> = waiting
            .values()
            .filter(|uid| {
                let entry = &self.entries[*uid];
                entry.waits_for == Events::ALL
                    || entry.waits_for.intersects(event) && helps(&entry.pod)
            })
            .cloned()
            .collect();
        for uid in helped {
            self.retry(&uid, profile);
        }
    }

    /// When something becomes due without anything happening.
    pub fn next_due(&self) -> Option<Instant> {
        let backoff = self.backoff.keys().next().map(|(until, _)| *until);
        let stale = self.unschedulable.keys().next().map(|(since, _)| *since + MAX_UNSCHEDULABLE);
        backoff.into_iter().chain(stale).min()
    }

    /// Pods that are known: waiting, gated or in flight.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn contains(&self, uid: &str) -> bool {
        self.entries.contains_key(uid)
    }

    fn flush(&mut self, profile: &Profile, now: Instant) {
        while let Some(((since, _), uid)) = self.unschedulable.first_key_value()
            && *since + MAX_UNSCHEDULABLE <= now
        {
            let uid = uid.clone();
            self.retry(&uid, profile);
        }
        while let Some(((until, _), uid)) = self.backoff.first_key_value()
            && *until <= now
        {
            let uid = uid.clone();
            self.activate(&uid, profile);
        }
    }

    fn retry(&mut self, uid: &Uid, profile: &Profile) {
        let entry = &self.entries[uid];
        match profile.admits(&entry.pod) {
            Ok(()) => {
                let until = entry.backoff_until();
                self.list(uid, Place::Backoff { until });
            }
            Err(_) => self.list(uid, Place::Gated),
        }
    }

    fn activate(&mut self, uid: &Uid, profile: &Profile) {
        let pod = &self.entries[uid].pod;
        let place = match profile.admits(pod) {
            Ok(()) => Place::Active { rank: profile.queue_sort.rank(pod) },
            Err(_) => Place::Gated,
        };
        self.list(uid, place);
    }

    fn list(&mut self, uid: &Uid, place: Place) {
        self.unlist(uid);
        self.tickets += 1;
        let ticket = self.tickets;
        let entry = self.entries.get_mut(uid).expect("only known pods are listed");
        (entry.place, entry.ticket) = (place, ticket);
        let uid = uid.clone();
        match place {
            Place::Active { rank } => drop(self.active.insert((rank, ticket), uid)),
            Place::Backoff { until } => drop(self.backoff.insert((until, ticket), uid)),
            Place::Unschedulable { since } => {
                if entry.waits_for.intersects(Events::PODS) {
                    self.by_pods.insert((since, ticket), uid.clone());
                }
                drop(self.unschedulable.insert((since, ticket), uid));
            }
            Place::Gated | Place::InFlight => {}
        }
    }

    fn unlist(&mut self, uid: &str) {
        let Some(entry) = self.entries.get(uid) else { return };
        match entry.place {
            Place::Active { rank } => drop(self.active.remove(&(rank, entry.ticket))),
            Place::Backoff { until } => drop(self.backoff.remove(&(until, entry.ticket))),
            Place::Unschedulable { since } => {
                self.by_pods.remove(&(since, entry.ticket));
                drop(self.unschedulable.remove(&(since, entry.ticket)));
            }
            Place::Gated | Place::InFlight => {}
        }
    }
}
