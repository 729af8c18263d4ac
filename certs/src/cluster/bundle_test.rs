//! Which certificates of a file sign, which are trusted, and what leaves are held against.

use time::{Duration, OffsetDateTime};

use super::bundle::{Bundle, pem_of_all};
use super::condition::{Condition, Judge};
use super::settings::Validity;
use super::template;
use crate::leaf::{Leaf, Usage};
use crate::x509::{Certificate, Issuer, KeyAlgorithm, PrivateKey, self_sign};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn years(count: i64) -> Validity {
    Validity::starting(now(), Duration::days(365 * count))
}

fn key(algorithm: KeyAlgorithm) -> PrivateKey {
    PrivateKey::generate(algorithm).expect("a key")
}

fn root(name: &str, algorithm: KeyAlgorithm) -> Issuer {
    let key = key(algorithm);
    let certificate = self_sign(&template::of_authority(name, years(10)), &key).expect("signed");
    Issuer::new(certificate, key).expect("they fit")
}

fn below(root: &Issuer, name: &str, algorithm: KeyAlgorithm) -> Issuer {
    let key = key(algorithm);
    let template = template::of_authority(name, years(5));
    let certificate = root.sign(&template, key.public_key_der()).expect("signed");
    Issuer::new(certificate, key).expect("they fit")
}

fn bundle(certificates: &[&Certificate]) -> Bundle {
    Bundle::parse(&pem_of_all(certificates)).expect("certificates")
}

fn subjects(certificates: &[&Certificate]) -> Vec<String> {
    let name = |certificate: &&Certificate| certificate.subject().to_string();
    certificates.iter().map(name).collect()
}

fn leaf() -> Leaf {
    Leaf {
        common_name: "server".to_owned(),
        organization: Some("servers".to_owned()),
        usage: Usage::Server,
        dns_names: vec!["localhost".to_owned()],
        ip_addresses: vec!["127.0.0.1".parse().expect("literal")],
    }
}

fn signed(issuer: &Issuer, key: &PrivateKey, leaf: &Leaf, validity: Validity) -> Certificate {
    let template = template::of_leaf(leaf, key.algorithm(), validity);
    issuer.sign(&template, key.public_key_der()).expect("signed")
}

#[test]
fn an_intermediate_signs_and_its_root_is_given_out() {
    for algorithm in [P256, KeyAlgorithm::Rsa(2048), KeyAlgorithm::EcdsaP521, KeyAlgorithm::Ed25519]
    {
        let root = root("root", algorithm);
        let middle = below(&root, "middle", P256);
        let signer = below(&middle, "signer", P256);
        let all = [signer.certificate(), middle.certificate(), root.certificate()];
        let bundle = bundle(&all);
        assert_eq!(subjects(&bundle.signers()), ["CN=signer"]);
        assert_eq!(subjects(&bundle.roots()), ["CN=root"]);
        let chain = bundle.chain_above(signer.certificate());
        assert_eq!(subjects(&chain), ["CN=signer", "CN=middle"]);
    }
}

#[test]
fn a_self_signed_authority_presents_no_chain() {
    let root = root("root", P256);
    let bundle = bundle(&[root.certificate(), root.certificate()]);
    assert_eq!(bundle.certificates().len(), 1);
    assert_eq!(subjects(&bundle.signers()), ["CN=root"]);
    assert_eq!(subjects(&bundle.roots()), ["CN=root"]);
    assert!(bundle.chain_above(root.certificate()).is_empty());
}

#[test]
fn while_one_takes_the_other_s_place_both_sign_and_are_trusted() {
    // Of the same name, as a new authority of a cluster is.
    let (new, old) = (root("kubernetes", P256), root("kubernetes", P256));
    let bundle = bundle(&[new.certificate(), old.certificate()]);
    assert_eq!(bundle.signers().len(), 2);
    assert_eq!(bundle.roots().len(), 2);
    assert!(bundle.chain_above(old.certificate()).is_empty());
}

#[test]
fn an_intermediate_without_its_root_is_trusted_itself() {
    let root = root("root", P256);
    let signer = below(&root, "signer", P256);
    let bundle = bundle(&[signer.certificate()]);
    assert_eq!(subjects(&bundle.roots()), ["CN=signer"]);
    assert!(bundle.chain_above(signer.certificate()).is_empty());
}

#[test]
fn what_holds_no_certificate_is_refused() {
    assert!(Bundle::parse("").is_err_and(|reason| reason.contains("BEGIN CERTIFICATE")));
    let root = root("root", P256);
    let torn = &root.certificate().to_pem()[..200];
    assert!(Bundle::parse(torn).is_err());
}

#[test]
fn each_fault_of_a_leaf_has_its_word() {
    let (root, stranger) = (root("root", P256), root("root", P256));
    let (mine, other) = (key(P256), key(P256));
    let bundle = bundle(&[root.certificate()]);
    let now = now();
    let day = Duration::DAY;
    let between = |from, to| Validity { not_before: now + from, not_after: now + to };
    let good = between(-day, day * 30);
    let changed = |change: fn(&mut Leaf)| {
        let mut leaf = leaf();
        change(&mut leaf);
        signed(&root, &mine, &leaf, good)
    };
    let lacks = |what: &str| Condition::Lacks(what.to_owned());
    let rows = [
        (signed(&root, &mine, &leaf(), good), Condition::Serves),
        (signed(&root, &mine, &leaf(), between(-day * 3, day)), Condition::Due),
        (signed(&root, &mine, &leaf(), between(-day * 3, -day)), Condition::Expired),
        (signed(&root, &mine, &leaf(), between(day, day * 3)), Condition::NotYetValid),
        (signed(&root, &other, &leaf(), good), Condition::WrongKey),
        (signed(&stranger, &mine, &leaf(), good), Condition::Foreign),
        (changed(|leaf| leaf.common_name = "other".to_owned()), lacks("the subject CN=server")),
        (changed(|leaf| leaf.organization = None), lacks("the group O=servers, alone")),
        (changed(|leaf| leaf.usage = Usage::Client), lacks("the extended key usage serverAuth")),
        (changed(|leaf| leaf.dns_names.clear()), lacks("the alternative name localhost")),
        (changed(|leaf| leaf.ip_addresses.clear()), lacks("the alternative name 127.0.0.1")),
        // More than is asked for does no harm, but for groups.
        (changed(|leaf| leaf.usage = Usage::Both), Condition::Serves),
        (changed(|leaf| leaf.dns_names.push("more".to_owned())), Condition::Serves),
    ];
    let judge = Judge { bundle: &bundle, signer: Some(root.certificate()), now };
    for (certificate, expected) in rows {
        let file = self::bundle(&[&certificate]);
        assert_eq!(judge.condition(&file, &mine, &leaf()), expected);
    }
    let grouped = Leaf { organization: None, ..leaf() };
    let file = self::bundle(&[&signed(&root, &mine, &leaf(), good)]);
    let condition = judge.condition(&file, &mine, &grouped);
    assert_eq!(condition, lacks("a subject without groups (it has O=servers)"));
}

#[test]
fn a_leaf_of_the_former_authority_serves_until_it_is_renewed() {
    let (new, old) = (root("kubernetes", P256), root("kubernetes", P256));
    let bundle = bundle(&[new.certificate(), old.certificate()]);
    let key = key(P256);
    let file = self::bundle(&[&signed(&old, &key, &leaf(), years(1))]);
    let judge = Judge { bundle: &bundle, signer: Some(new.certificate()), now: now() };
    let condition = judge.condition(&file, &key, &leaf());
    assert_eq!(condition, Condition::Superseded);
    assert!(condition.is_usable());
    let external = Judge { signer: None, ..judge };
    assert_eq!(external.condition(&file, &key, &leaf()), Condition::Serves);
}

#[test]
fn a_leaf_may_bring_the_intermediates_between_it_and_the_authority() {
    let root = root("root", P256);
    let middle = below(&root, "middle", P256);
    let key = key(P256);
    let certificate = signed(&middle, &key, &leaf(), years(1));
    let bundle = bundle(&[root.certificate()]);
    let judge = Judge { bundle: &bundle, signer: None, now: now() };
    let alone = self::bundle(&[&certificate]);
    assert_eq!(judge.condition(&alone, &key, &leaf()), Condition::Foreign);
    let chained = self::bundle(&[&certificate, middle.certificate()]);
    assert_eq!(judge.condition(&chained, &key, &leaf()), Condition::Serves);
}

#[test]
fn a_leaf_that_ends_with_its_authority_is_not_renewed_over_and_over() {
    let root = root("root", P256);
    let end = root.certificate().not_after();
    let validity = Validity { not_before: end - Duration::days(30), not_after: end };
    let key = key(P256);
    let file = self::bundle(&[&signed(&root, &key, &leaf(), validity)]);
    let bundle = bundle(&[root.certificate()]);
    let now = end - Duration::DAY;
    let judge = Judge { bundle: &bundle, signer: Some(root.certificate()), now };
    assert_eq!(judge.condition(&file, &key, &leaf()), Condition::Serves);
}
