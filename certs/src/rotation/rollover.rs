//! The steps of a rollover, on files.

use std::path::{Path, PathBuf};

use time::{Duration, OffsetDateTime};

use super::phase::{Next, Phase, Step, next};
use super::record::{Pace, Record};
use super::service_accounts;
use crate::cluster::{AuthorityKind, Bundle, ClusterAuthority, Settings, Validity, found};
use crate::error::Error;
use crate::files::{
    Pair, move_into_place, pair_paths, read_optional, remove, write_pair, write_public,
};

/// Below this, a step could follow the last one before all have seen that.
pub fn least_pace() -> Duration {
    // They look every second, and may have a handshake under way.
    Duration::seconds(3)
}

/// One authority in a PKI directory, as its files are. The caller holds the directory's lock.
pub struct Rollover<'a> {
    directory: &'a Path,
    kind: AuthorityKind,
    settings: &'a Settings,
    authority: ClusterAuthority,
    /// The next one, where both its files are whole.
    prepared: Option<Pair>,
    record: Option<Record>,
    phase: Phase,
}

impl<'a> Rollover<'a> {
    /// `None` where there is no such authority.
    pub fn read(
        directory: &'a Path,
        kind: AuthorityKind,
        settings: &'a Settings,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Error> {
        let Some(authority) = ClusterAuthority::read(directory, kind, settings)? else {
            return Ok(None);
        };
        let prepared = prepared(directory, kind)?;
        let record = read_optional(&record_path(directory, kind))?;
        let record = record.and_then(|text| Record::parse(&text));
        let phase = phase(&authority, prepared.as_ref(), record, now);
        Ok(Some(Self { directory, kind, settings, authority, prepared, record, phase }))
    }

    /// Of the certificate that signs.
    pub fn validity(&self) -> Validity {
        self.authority.validity()
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether a successor can be made here.
    pub fn is_renewable(&self) -> bool {
        self.refusal().is_none()
    }

    pub fn next(&self, now: OffsetDateTime) -> Next {
        next(self.phase, &self.authority.validity(), self.is_renewable(), now)
    }

    /// How fast this authority goes when nobody says: a leaf's life, or what there is time for.
    pub fn own_pace(&self, now: OffsetDateTime) -> Pace {
        let left = self.authority.validity().not_after - now;
        Pace::Every(self.settings.leaf_lifetime.min(left / 2).max(least_pace()))
    }

    fn refusal(&self) -> Option<&'static str> {
        if self.authority.is_external() {
            Some("its key is not here: replace it where the key is")
        } else if !self.authority.signer().is_self_signed() {
            Some("it is an intermediate: whoever signed it has to make its successor")
        } else {
            None
        }
    }

    /// Takes a step now. One that was taken already is taken again, which changes nothing but the
    /// pace; one whose turn has not come is refused.
    pub fn take(&self, step: Step, pace: Pace, now: OffsetDateTime) -> Result<(), Error> {
        let refuse = |reason: &str| {
            let (authority, reason) = (self.kind.name(), reason.to_owned());
            Err(Error::Rollover { authority, reason })
        };
        match (step, self.phase) {
            (Step::Announce, Phase::Settled | Phase::Announced { .. }) => match self.refusal() {
                Some(reason) => refuse(reason),
                None => self.announce(pace, now),
            },
            (Step::Switch, Phase::Announced { .. }) => self.switch(pace, now),
            (Step::Switch, Phase::Switched { .. }) => self.write_record(Step::Switch, pace, now),
            (Step::Retire, Phase::Switched { .. } | Phase::Settled) => self.retire(),
            (Step::Announce, Phase::Switched { .. }) => {
                refuse("its predecessor is still trusted: retire that one first")
            }
            (Step::Switch, Phase::Settled) => refuse("no successor is announced"),
            (Step::Retire, Phase::Announced { .. }) => {
                refuse("its successor is announced and does not sign yet: switch first")
            }
        }
    }

    fn announce(&self, pace: Pace, now: OffsetDateTime) -> Result<(), Error> {
        let successor = match &self.prepared {
            Some(pair) => pair.clone(),
            None => self.make_successor(now)?,
        };
        if self.kind == AuthorityKind::Kubernetes {
            service_accounts::announce(self.directory, self.settings.key_algorithm)?;
        }
        self.write_record(Step::Announce, pace, now)?;
        let mut pem = self.authority.bundle().to_pem();
        if !contains(self.authority.bundle(), &successor) {
            pem.push_str(&successor.certificate);
        }
        write_public(self.authority.certificate_path(), pem.as_bytes())
    }

    fn make_successor(&self, now: OffsetDateTime) -> Result<Pair, Error> {
        let pair = found(self.kind, self.settings, now)?;
        write_pair(self.directory, &next_name(self.kind), &pair)?;
        Ok(pair)
    }

    fn switch(&self, pace: Pace, now: OffsetDateTime) -> Result<(), Error> {
        if self.kind == AuthorityKind::Kubernetes {
            service_accounts::switch(self.directory)?;
        }
        self.write_record(Step::Switch, pace, now)?;
        let (_, key) = pair_paths(self.directory, self.kind.path());
        let (next_certificate, next_key) = pair_paths(self.directory, &next_name(self.kind));
        move_into_place(&next_key, &key)?;
        remove(&next_certificate)
    }

    fn retire(&self) -> Result<(), Error> {
        if self.phase == Phase::Settled {
            return self.tidy();
        }
        // The authority's file last: without a predecessor in it there is nothing to retire.
        if self.kind == AuthorityKind::Kubernetes {
            service_accounts::retire(self.directory)?;
        }
        remove(&pair_paths(self.directory, &next_name(self.kind)).0)?;
        let signer = self.authority.signer().to_pem();
        write_public(self.authority.certificate_path(), signer.as_bytes())?;
        remove(&record_path(self.directory, self.kind))
    }

    /// Removes the record of a rollover that was over when the process was killed.
    pub(super) fn tidy(&self) -> Result<(), Error> {
        let over = self.record.is_some_and(|record| record.step != Step::Announce);
        if self.phase == Phase::Settled && over {
            remove(&record_path(self.directory, self.kind))?;
        }
        Ok(())
    }

    fn write_record(&self, step: Step, pace: Pace, since: OffsetDateTime) -> Result<(), Error> {
        let record = Record { step, since, pace };
        write_public(&record_path(self.directory, self.kind), record.to_text().as_bytes())
    }
}

/// `ca.next`, beside `ca`.
fn next_name(kind: AuthorityKind) -> String {
    format!("{}.next", kind.path())
}

fn record_path(directory: &Path, kind: AuthorityKind) -> PathBuf {
    directory.join(format!("{}.rollover", kind.path()))
}

fn prepared(directory: &Path, kind: AuthorityKind) -> Result<Option<Pair>, Error> {
    let (certificate, key) = pair_paths(directory, &next_name(kind));
    let (Some(certificate), Some(key)) = (read_optional(&certificate)?, read_optional(&key)?)
    else {
        return Ok(None);
    };
    let pair = Pair { certificate, key };
    // A torn one is made anew: nobody has been told of it.
    Ok(pair.fits().then_some(pair))
}

fn contains(bundle: &Bundle, pair: &Pair) -> bool {
    Bundle::parse(&pair.certificate).is_ok_and(|own| bundle.certificates().contains(own.first()))
}

fn phase(
    authority: &ClusterAuthority,
    prepared: Option<&Pair>,
    record: Option<Record>,
    now: OffsetDateTime,
) -> Phase {
    // Who has put several authorities there without a record has to take them out, too. And between
    // the record of a switch and the switch itself it is the old key that signs.
    let (since, pace) = record.map_or((now, Pace::ByHand), |record| (record.since, record.pace));
    if prepared.is_some_and(|pair| contains(authority.bundle(), pair)) {
        return Phase::Announced { since, pace };
    }
    if authority.bundle().signers().len() > 1 {
        return Phase::Switched { since, pace };
    }
    Phase::Settled
}
