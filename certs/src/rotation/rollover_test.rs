//! Years of rotation, and crashes before any change of a file, on real files with a fake clock.

use std::path::Path;

use rustls_pki_types::{CertificateDer, UnixTime};
use time::{Duration, OffsetDateTime};

use super::phase::{Phase, Step};
use super::record::Pace;
use super::rollover::Rollover;
use super::round::{Round, round};
use super::service_accounts::public_keys;
use crate::cluster::{AuthorityKind, Bundle, HostNames, Settings, validity_of_pem};
use crate::files::{Pair, crash};

fn host() -> HostNames {
    HostNames { node_name: "node-1".into(), addresses: vec![], service_address: None }
}

fn settings() -> Settings {
    Settings {
        leaf_lifetime: Duration::days(10),
        authority_lifetime: Duration::days(60),
        ..Settings::default()
    }
}

fn begin() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
}

fn run(directory: &Path, now: OffsetDateTime) -> Round {
    round(directory, &host(), &settings(), now).expect("a round")
}

fn phase(directory: &Path, kind: AuthorityKind, now: OffsetDateTime) -> Phase {
    let settings = settings();
    let rollover = Rollover::read(directory, kind, &settings, now).expect("readable");
    rollover.expect("an authority").phase()
}

/// Whether whoever trusts `bundle` takes `pair` at `now`.
fn trusts(bundle: &str, pair: &Pair, now: OffsetDateTime) -> bool {
    let roots = crate::tls::roots(bundle).expect("a bundle");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .expect("a verifier");
    let chain: Vec<CertificateDer<'static>> = crate::tls::chain(pair).expect("a chain");
    let now = u64::try_from(now.unix_timestamp()).expect("after the epoch");
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now));
    verifier.verify_client_cert(&chain[0], &chain[1..], now).is_ok()
}

#[test]
fn years_pass_and_everything_that_is_shown_is_always_trusted() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    let mut now = begin();
    let mut last = run(directory, now);
    let (founder, end) = (last.pki.ca.certificate_pem().to_owned(), now + Duration::days(170));
    let mut steps = Vec::new();
    while now < end {
        assert!(last.next > now, "the next round is in the future");
        now = last.next;
        let former = last;
        last = run(directory, now);
        steps.extend(last.steps.iter().filter(|(kind, _)| *kind == AuthorityKind::Etcd));
        // Those who have looked already and those who have not yet take each other.
        let pairs = [&last.pki.apiserver_kubelet_client, &former.pki.apiserver_kubelet_client];
        for bundle in [last.pki.ca.certificate_pem(), former.pki.ca.certificate_pem()] {
            for pair in pairs {
                let validity = validity_of_pem(&pair.certificate).expect("a certificate");
                if validity.not_after > now {
                    assert!(trusts(bundle, pair, now), "at {now}");
                }
            }
        }
        assert!(last.endings.iter().all(|one| one.validity.not_after > now), "at {now}");
    }
    assert!(steps.len() >= 9, "{steps:?}");
    for (at, (_, step)) in steps.iter().enumerate() {
        assert_eq!(*step, Step::ALL[at % 3]);
    }
    assert_ne!(founder, last.pki.ca.certificate_pem());
}

#[test]
fn an_idle_round_changes_nothing() {
    let directory = tempfile::tempdir().expect("temporary directory");
    run(directory.path(), begin());
    crash::after(0);
    run(directory.path(), begin() + Duration::days(1));
    crash::after(usize::MAX);
}

/// Everything on disk, by name.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let contents = std::fs::read(&path).expect("readable");
            found.push((path.display().to_string(), contents));
        }
    }
    found.sort();
    found
}

/// Takes one step after the other by hand. A crash ends a thread before its `crash`th change.
fn roll(directory: &Path, step: Step, now: OffsetDateTime) -> Result<(), crate::Error> {
    let settings = settings();
    let rollover = Rollover::read(directory, AuthorityKind::Kubernetes, &settings, now)?;
    rollover.expect("an authority").take(step, Pace::ByHand, now)?;
    round(directory, &host(), &settings, now).map(drop)
}

#[test]
fn a_crash_before_any_change_is_mended_by_doing_it_again() {
    for (at, step) in Step::ALL.into_iter().enumerate() {
        let mut crashes = 0;
        loop {
            let directory = tempfile::tempdir().expect("temporary directory");
            let directory = directory.path();
            let mut before = run(directory, begin());
            for former in &Step::ALL[..at] {
                roll(directory, *former, begin()).expect("a step");
                before = run(directory, begin());
            }
            crash::after(crashes);
            let outcome = roll(directory, step, begin());
            crash::after(usize::MAX);
            // A start right after the crash finds a PKI that serves those who were there before.
            let found = run(directory, begin());
            let former = &before.pki.apiserver_kubelet_client;
            let retired = step == Step::Retire;
            if !retired {
                assert!(trusts(found.pki.ca.certificate_pem(), former, begin()), "{step:?}");
            }
            assert!(trusts(before.pki.ca.certificate_pem(), former, begin()));
            let new = &found.pki.apiserver_kubelet_client;
            assert!(trusts(before.pki.ca.certificate_pem(), new, begin()), "{step:?} {crashes}");
            assert!(trusts(found.pki.ca.certificate_pem(), new, begin()), "{step:?} {crashes}");
            assert!(!public_keys(directory).expect("readable").is_empty());
            roll(directory, step, begin()).expect("once more");
            let whole = files(directory);
            run(directory, begin());
            assert_eq!(files(directory), whole, "{step:?} {crashes}");
            let expected = match step {
                Step::Announce | Step::Switch => 2,
                Step::Retire => 1,
            };
            let ca = std::fs::read_to_string(directory.join("ca.crt")).expect("readable");
            assert_eq!(Bundle::parse(&ca).expect("a bundle").certificates().len(), expected);
            assert_eq!(public_keys(directory).expect("readable").len(), expected);
            if outcome.is_ok() {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 3, "{step:?} changes files");
    }
}

#[test]
fn steps_have_an_order() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    let (kind, settings) = (AuthorityKind::Etcd, settings());
    run(directory, begin());
    let take = |step| {
        let rollover = Rollover::read(directory, kind, &settings, begin()).expect("readable");
        rollover.expect("an authority").take(step, Pace::ByHand, begin())
    };
    assert!(take(Step::Switch).is_err());
    take(Step::Retire).expect("there is nothing to retire");
    take(Step::Announce).expect("announced");
    assert!(take(Step::Retire).is_err());
    take(Step::Switch).expect("switched");
    assert!(take(Step::Announce).is_err());
    take(Step::Retire).expect("retired");
    assert_eq!(phase(directory, kind, begin()), Phase::Settled);
}

#[test]
fn a_successor_that_another_host_made_is_taken() {
    let (first, second) = (tempfile::tempdir(), tempfile::tempdir());
    let (first, second) = (first.expect("a directory"), second.expect("a directory"));
    let kind = AuthorityKind::Etcd;
    let settings = settings();
    run(first.path(), begin());
    std::fs::create_dir_all(second.path().join("etcd")).expect("made");
    let copy = |name: &str| {
        std::fs::copy(first.path().join(name), second.path().join(name)).expect("copied");
    };
    ["etcd/ca.crt", "etcd/ca.key"].into_iter().for_each(copy);
    run(second.path(), begin());
    let take = |directory: &Path, step| {
        let rollover = Rollover::read(directory, kind, &settings, begin()).expect("readable");
        rollover.expect("an authority").take(step, Pace::ByHand, begin()).expect("taken");
    };
    take(first.path(), Step::Announce);
    ["etcd/ca.next.crt", "etcd/ca.next.key"].into_iter().for_each(copy);
    for step in Step::ALL {
        take(first.path(), step);
        take(second.path(), step);
        let read = |directory: &Path| std::fs::read(directory.join("etcd/ca.crt")).expect("read");
        assert_eq!(read(first.path()), read(second.path()), "{step:?}");
    }
}

#[test]
fn an_authority_without_its_key_is_left_alone() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let directory = directory.path();
    run(directory, begin());
    std::fs::remove_file(directory.join("etcd/ca.key")).expect("removed");
    let settings = settings();
    let later = begin() + Duration::days(50);
    let rollover = Rollover::read(directory, AuthorityKind::Etcd, &settings, later);
    let rollover = rollover.expect("readable").expect("an authority");
    assert_eq!(rollover.next(later), super::Next::Never);
    let refusal = rollover.take(Step::Announce, Pace::ByHand, later).expect_err("refused");
    assert!(refusal.to_string().contains("key is not here"), "{refusal}");
    let found = super::endings(directory, &settings, later).expect("readable");
    let of = |name: &str| found.iter().find(|one| one.name == name).expect("listed");
    assert!(of("etcd-ca").needs_a_hand(later) && of("etcd-server").needs_a_hand(later));
    assert!(!of("ca").needs_a_hand(later) && !of("apiserver").needs_a_hand(later));
}
