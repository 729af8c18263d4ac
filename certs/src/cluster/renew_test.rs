//! Renewals and expirations of a PKI that was made here.

use std::fs;
use std::path::Path;

use time::{Duration, OffsetDateTime};

use super::{
    ClusterPki, Condition, HostNames, LEAVES, Layout, LeafSpec, Place, Renewal, RenewalOptions,
    Settings, expirations, renew,
};
use crate::kubeconfig::Embedded;
use crate::x509::Certificate;

struct World {
    directory: tempfile::TempDir,
    layout: Layout,
}

impl World {
    fn new(settings: &Settings) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let layout = Layout::beside(&directory.path().join("pki"));
        let host = HostNames { node_name: "n1".to_owned(), ..HostNames::default() };
        let pki = ClusterPki::ensure_with(&layout.pki, &host, settings).expect("made");
        let path = directory.path().join("admin.kubeconfig");
        pki.ensure_admin_kubeconfig(&path, "https://127.0.0.1:6443").expect("written");
        Self { directory, layout }
    }

    fn read(&self, spec: &LeafSpec) -> Certificate {
        let text = fs::read_to_string(self.layout.of(spec)).expect("a file");
        let pem = match spec.place {
            Place::Pair(_) => text,
            Place::Kubeconfig(_) => Embedded::parse(&text).expect("a kubeconfig").pair.certificate,
        };
        Certificate::from_pem(&pem).expect("a certificate")
    }
}

fn says(certificate: &Certificate) -> impl PartialEq + std::fmt::Debug {
    (
        certificate.subject().clone(),
        certificate.alternative_names().clone(),
        certificate.key_usages(),
        certificate.extended_key_usages().to_vec(),
    )
}

#[test]
fn a_renewed_leaf_says_the_same_with_another_key() {
    let world = World::new(&Settings::default());
    let options = RenewalOptions { lifetime: Some(Duration::days(30)), ..Default::default() };
    for spec in LEAVES.iter().filter(|spec| world.layout.of(spec).exists()) {
        let before = world.read(spec);
        let renewal = renew(&world.layout, spec, &options).expect(spec.name);
        let after = world.read(spec);
        assert!(matches!(renewal, Renewal::Renewed(_)), "{}", spec.name);
        assert_eq!(says(&before), says(&after), "{}", spec.name);
        assert_ne!(before.public_key_der(), after.public_key_der(), "{}", spec.name);
        let left = after.not_after() - OffsetDateTime::now_utc();
        assert!(left > Duration::days(29) && left <= Duration::days(30), "{}", spec.name);
    }
    let all = expirations(&world.layout, OffsetDateTime::now_utc());
    assert_eq!(all.faults().count(), 0, "{all:?}");
    let missing = LeafSpec::named("scheduler.conf").expect("in the table");
    assert_eq!(renew(&world.layout, missing, &options).ok(), Some(Renewal::Missing));
}

#[test]
fn expirations_tell_what_time_brings() {
    let world = World::new(&Settings::default());
    let now = OffsetDateTime::now_utc();
    let condition = |at, name: &str| {
        let all = expirations(&world.layout, at);
        let found = all.leaves.iter().chain(&all.authorities).find(|one| one.name == name);
        found.map(|one| one.condition.clone())
    };
    assert_eq!(condition(now, "apiserver"), Some(Condition::Serves));
    assert_eq!(condition(now, "admin.conf"), Some(Condition::Serves));
    assert_eq!(condition(now, "scheduler.conf"), None);
    assert_eq!(condition(now + Duration::days(300), "apiserver"), Some(Condition::Due));
    assert_eq!(condition(now + Duration::days(366), "admin.conf"), Some(Condition::Expired));
    assert_eq!(condition(now + Duration::days(3000), "etcd-ca"), Some(Condition::Due));
    let remove = |name: &str| fs::remove_file(world.layout.pki.join(name)).expect("removed");
    remove("apiserver.crt");
    remove("etcd/peer.key");
    fs::write(world.layout.pki.join("etcd/server.crt"), "nothing").expect("written");
    fs::write(world.directory.path().join("admin.kubeconfig"), "[").expect("written");
    assert_eq!(condition(now, "apiserver"), Some(Condition::Missing));
    assert_eq!(condition(now, "etcd-peer"), Some(Condition::KeyMissing));
    let unreadable = |name| matches!(condition(now, name), Some(Condition::Unreadable(_)));
    assert!(unreadable("etcd-server") && unreadable("admin.conf"));
}

#[test]
fn at_two_thirds_of_its_life_a_leaf_is_issued_anew_at_start() {
    let lifetime = Duration::hours(3);
    let settings = Settings { leaf_lifetime: lifetime, ..Settings::default() };
    let world = World::new(&settings);
    let spec = LeafSpec::named("etcd-peer").expect("in the table");
    let host = HostNames { node_name: "n1".to_owned(), ..HostNames::default() };
    let pki = ClusterPki::ensure_with(&world.layout.pki, &host, &settings).expect("read");
    let condition = |after| {
        let now = OffsetDateTime::now_utc() + after;
        super::examine(&world.layout.pki, spec, &pki.etcd_ca, &spec.leaf(&host), now)
            .expect("examined")
            .0
    };
    assert_eq!(condition(Duration::ZERO), Condition::Serves);
    assert_eq!(condition(lifetime / 2), Condition::Serves);
    assert_eq!(condition(lifetime * 2 / 3), Condition::Due);
    assert_eq!(condition(lifetime), Condition::Expired);
}

#[test]
fn kubeconfigs_that_were_asked_for_are_kept() {
    let world = World::new(&Settings::default());
    let host = HostNames { node_name: "n1".to_owned(), ..HostNames::default() };
    let ensure = |now| {
        ClusterPki::ensure_at(&world.layout.pki, &host, &Settings::default(), now).expect("made")
    };
    let (now, spec) = (OffsetDateTime::now_utc(), LeafSpec::named("scheduler.conf"));
    let spec = spec.expect("in the table");
    let path = world.layout.of(spec);
    let read = || fs::read_to_string(&path).expect("a kubeconfig");
    ensure(now).ensure_kubeconfig(spec, &path, "https://127.0.0.1:6443").expect("written");
    let made = read();
    ensure(now);
    assert_eq!(read(), made);
    ensure(now + Duration::days(300));
    let renewed = read();
    assert_ne!(renewed, made);
    // A successor of the authority is trusted before it signs.
    let ca = world.layout.pki.join("ca.crt");
    let other = crate::Authority::generate("kubernetes").expect("made");
    let both = fs::read_to_string(&ca).expect("read") + other.certificate_pem();
    fs::write(&ca, both).expect("written");
    ensure(now);
    let embedded = |text: &str| Embedded::parse(text).expect("a kubeconfig");
    let (before, after) = (embedded(&renewed), embedded(&read()));
    assert_eq!(before.pair.certificate, after.pair.certificate);
    assert_eq!(after.authorities.matches("BEGIN CERTIFICATE").count(), 2);
    // One that somebody made for another purpose stays as it is.
    let spec = LeafSpec::named("controller-manager.conf").expect("in the table");
    let theirs = renewed.replace("coracle", "theirs");
    fs::write(world.layout.of(spec), &theirs).expect("written");
    ensure(now + Duration::days(300));
    assert_eq!(fs::read_to_string(world.layout.of(spec)).expect("read"), theirs);
}

/// Where a crash can leave a pair: a temporary file, a new key beside the old certificate.
#[test]
fn what_a_crash_leaves_is_mended_and_files_are_whole_all_the_while() {
    let world = World::new(&Settings::default());
    let host = HostNames { node_name: "n1".to_owned(), ..HostNames::default() };
    let at = |name: &str| world.layout.pki.join(name);
    fs::write(at(".apiserver.crt.1"), "-----BEGIN CERT").expect("written");
    fs::copy(at("etcd/peer.key"), at("apiserver.key")).expect("copied");
    fs::write(at("front-proxy-client.crt"), "").expect("written");
    ClusterPki::ensure(&world.layout.pki, &host).expect("mended");
    let all = expirations(&world.layout, OffsetDateTime::now_utc());
    assert_eq!(all.faults().count(), 0, "{all:?}");
}

#[test]
fn what_cannot_be_written_leaves_the_old_files() {
    let world = World::new(&Settings::default());
    let spec = LeafSpec::named("etcd-server").expect("in the table");
    let directory = world.layout.pki.join("etcd");
    let files = || ["server.crt", "server.key"].map(|name| fs::read(directory.join(name)).ok());
    let before = files();
    // Where the new key is written before it takes the old one's place; root as well writes no file
    // over a directory.
    let taken = directory.join(format!(".server.key.{}", std::process::id()));
    fs::create_dir(&taken).expect("made");
    let renewed = renew(&world.layout, spec, &RenewalOptions::default());
    let refusal = renewed.expect_err("refused").to_string();
    assert!(refusal.contains("etcd/server.key"), "{refusal}");
    assert_eq!(files(), before);
}

#[test]
fn a_pki_in_the_working_directory_has_its_kubeconfigs_there() {
    let layout = Layout::beside(Path::new("pki"));
    assert_eq!(layout.kubeconfigs, Path::new("."));
    assert_eq!(Layout::beside(Path::new("/x/pki")).kubeconfigs, Path::new("/x"));
}
