//! Finds the chains from a certificate to the roots, and chooses one.

use certs::x509::{self, Certificate, KeyUsage, PrivateKey, SignatureAlgorithm};
use time::OffsetDateTime;

use super::report::Bundle;

/// How many authorities a chain may have: RFC 5280 has no bound, nobody has more.
const MAX_DEPTH: usize = 10;
/// How many signatures are verified: certificates that all sign each other make no end of paths.
const MAX_STEPS: usize = 4096;
/// How many chains are compared. Cross-signed authorities multiply them.
const MAX_CHAINS: usize = 64;

/// Which chain is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// What most clients take: no weak hash where there is a choice, then the shortest.
    Ubiquitous,
    /// The shortest, then the longest lived.
    Optimal,
    /// The chain as it was given, not looked up.
    Force,
}

impl Flavor {
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "ubiquitous" => Some(Self::Ubiquitous),
            "optimal" => Some(Self::Optimal),
            "force" => Some(Self::Force),
            _ => None,
        }
    }
}

/// Where issuers are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools {
    pub roots: Vec<Certificate>,
    pub intermediates: Vec<Certificate>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("no certificate was given")]
    Nothing,
    #[error("the certificate signs itself: there is nothing to bundle")]
    SelfSigned,
    #[error(
        "no chain leads from the certificate to a root: {missing} is in neither -ca-bundle nor \
         -int-bundle, or its certificate is out of its time (issuers are not fetched)"
    )]
    NoChain { missing: String },
    #[error("the certificates that were given are no chain: each must be signed by the next")]
    Broken,
    #[error("the certificate expired at {not_after}")]
    Expired { not_after: OffsetDateTime },
    #[error(transparent)]
    X509(#[from] x509::Error),
}

/// Bundles the first of `given`, which may come with its intermediates in either order.
pub(crate) fn bundle(
    given: &[Certificate],
    key: Option<&PrivateKey>,
    pools: &Pools,
    flavor: Flavor,
    now: OffsetDateTime,
) -> Result<Bundle, Error> {
    let given = ordered(given);
    let leaf = given.first().ok_or(Error::Nothing)?;
    if key.is_some_and(|key| !key.fits(leaf)) {
        return Err(x509::Error::KeyMismatch.into());
    }
    let (chain, root) = match flavor {
        Flavor::Force if !is_chain(&given) => return Err(Error::Broken),
        Flavor::Force => (given.clone(), None),
        Flavor::Ubiquitous | Flavor::Optimal => {
            let mut chain = chosen(&given, pools, flavor, now)?;
            let root = chain.pop().expect("a chain ends in its root");
            // A client that staples asks the issuer: it gets one with the leaf.
            if !leaf.ocsp_urls().is_empty() && !leaf.is_authority() && chain.len() == 1 {
                chain.push(root.clone());
            }
            (chain, Some(root))
        }
    };
    let rebundled = chain != given;
    Ok(Bundle::new(chain, root, key, rebundled, now))
}

/// Leaf first.
fn ordered(given: &[Certificate]) -> Vec<Certificate> {
    let mut turned = given.to_vec();
    if !is_chain(given) {
        turned.reverse();
        if !is_chain(&turned) {
            turned.reverse();
        }
    }
    turned
}

fn is_chain(certificates: &[Certificate]) -> bool {
    certificates.windows(2).all(|pair| pair[0].verify_issued_by(&pair[1]).is_ok())
}

fn chosen(
    given: &[Certificate],
    pools: &Pools,
    flavor: Flavor,
    now: OffsetDateTime,
) -> Result<Vec<Certificate>, Error> {
    let leaf = &given[0];
    if leaf.is_self_signed() {
        return Err(Error::SelfSigned);
    }
    if leaf.not_after() < now {
        return Err(Error::Expired { not_after: leaf.not_after() });
    }
    let mut search =
        Search { given, pools, now, found: Vec::new(), missing: String::new(), steps: 0 };
    search.extend(&mut vec![leaf.clone()]);
    let (found, missing) = (search.found, search.missing);
    let best = found.into_iter().min_by_key(|chain| rank(chain, flavor));
    best.ok_or(Error::NoChain { missing })
}

struct Search<'a> {
    given: &'a [Certificate],
    pools: &'a Pools,
    now: OffsetDateTime,
    found: Vec<Vec<Certificate>>,
    /// The last issuer that was looked for in vain.
    missing: String,
    steps: usize,
}

impl Search<'_> {
    fn extend(&mut self, chain: &mut Vec<Certificate>) {
        let last = chain.last().expect("a chain has its leaf").clone();
        let depth = chain.len() - 1;
        let mut any = false;
        let (given, pools) = (self.given, self.pools);
        let roots = pools.roots.iter().map(|root| (root, true));
        let others = pools.intermediates.iter().chain(given).map(|other| (other, false));
        for (issuer, is_root) in roots.chain(others) {
            if self.found.len() >= MAX_CHAINS || self.steps >= MAX_STEPS || depth >= MAX_DEPTH {
                return;
            }
            if chain.contains(issuer) || !self.may_issue(issuer, depth) {
                continue;
            }
            if last.issuer() != issuer.subject() {
                continue;
            }
            self.steps += 1;
            if last.verify_issued_by(issuer).is_err() {
                continue;
            }
            any = true;
            chain.push(issuer.clone());
            if is_root {
                self.found.push(chain.clone());
            } else {
                self.extend(chain);
            }
            chain.pop();
        }
        if !any {
            self.missing = last.issuer().to_string();
        }
    }

    /// `below` is how many authorities stand between it and the leaf.
    fn may_issue(&self, issuer: &Certificate, below: usize) -> bool {
        let usages = issuer.key_usages();
        issuer.is_authority()
            && (usages.is_empty() || usages.contains(KeyUsage::CertSign))
            && issuer.path_len().is_none_or(|length| below <= length as usize)
            && (issuer.not_before()..=issuer.not_after()).contains(&self.now)
    }
}

/// Smaller is better.
fn rank(chain: &[Certificate], flavor: Flavor) -> (usize, usize, i64) {
    let weak =
        chain.iter().filter(|link| *link.signature_algorithm() == SignatureAlgorithm::RsaSha1);
    let mixed = match flavor {
        Flavor::Ubiquitous => weak.count(),
        Flavor::Optimal | Flavor::Force => 0,
    };
    let expiry = chain.iter().map(|link| link.not_after().unix_timestamp()).min().unwrap_or(0);
    (mixed, chain.len(), -expiry)
}

#[cfg(test)]
mod tests {
    use certs::x509::{AuthorityConstraint, Issuer, KeyAlgorithm, Subject, Template, self_sign};
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2030-01-01 12:00 UTC);

    fn key() -> PrivateKey {
        PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("generated")
    }

    fn template(name: &str, days: i64) -> Template {
        let mut template =
            Template::new(Subject::new(name, &[]), NOW - Duration::DAY, NOW + Duration::days(days));
        template.authority = Some(AuthorityConstraint { path_len: None });
        template.key_usages = KeyUsage::CertSign.into();
        template
    }

    fn root(name: &str) -> Issuer {
        let key = key();
        Issuer::new(self_sign(&template(name, 100), &key).expect("signed"), key).expect("fit")
    }

    fn intermediate(by: &Issuer, name: &str, days: i64) -> Issuer {
        let key = key();
        let signed = by.sign(&template(name, days), key.public_key_der()).expect("signed");
        Issuer::new(signed, key).expect("fit")
    }

    fn leaf(by: &Issuer) -> Certificate {
        let template = Template { authority: None, ..template("leaf.example", 50) };
        by.sign(&template, key().public_key_der()).expect("signed")
    }

    #[test]
    fn the_shortest_chain_that_holds_is_chosen() {
        let root = root("root");
        let long = intermediate(&root, "long", 90);
        let issuer = intermediate(&long, "issuer", 90);
        // The same issuer, cross-signed by the root itself.
        let crossed =
            root.sign(&template("issuer", 80), issuer.key().public_key_der()).expect("signed");
        let leaf = leaf(&issuer);
        let mut pools = Pools {
            roots: vec![root.certificate().clone()],
            intermediates: vec![long.certificate().clone(), issuer.certificate().clone()],
        };
        let given = std::slice::from_ref(&leaf);
        let made = bundle(given, None, &pools, Flavor::Ubiquitous, NOW).expect("bundled");
        assert_eq!(made.chain.len(), 3);
        pools.intermediates.push(crossed.clone());
        let made = bundle(given, None, &pools, Flavor::Optimal, NOW).expect("bundled");
        assert_eq!(made.chain, [leaf.clone(), crossed]);
        assert_eq!(made.root.as_ref(), Some(root.certificate()));
        // What comes with the leaf counts too, in either order.
        pools.intermediates.clear();
        let given = [long.certificate().clone(), issuer.certificate().clone(), leaf];
        let made = bundle(&given, None, &pools, Flavor::Ubiquitous, NOW).expect("bundled");
        assert_eq!(made.chain.len(), 3);
        assert_eq!(made.chain[0], given[2]);
    }

    #[test]
    fn what_cannot_be_bundled_says_why() {
        let root = root("root");
        let old = intermediate(&root, "old", -1);
        let leaf = leaf(&old);
        let pools = Pools {
            roots: vec![root.certificate().clone()],
            intermediates: vec![old.certificate().clone()],
        };
        let given = [leaf.clone()];
        let none = bundle(&given, None, &pools, Flavor::Optimal, NOW).map(|_| ());
        assert!(matches!(none, Err(Error::NoChain { missing }) if missing == "CN=old"));
        let itself = [root.certificate().clone()];
        let refused = bundle(&itself, None, &pools, Flavor::Optimal, NOW).map(|_| ());
        assert_eq!(refused, Err(Error::SelfSigned));
        let other = key();
        let refused = bundle(&given, Some(&other), &pools, Flavor::Force, NOW).map(|_| ());
        assert_eq!(refused, Err(Error::X509(x509::Error::KeyMismatch)));
        let broken = [leaf, root.certificate().clone()];
        let refused = bundle(&broken, None, &pools, Flavor::Force, NOW).map(|_| ());
        assert_eq!(refused, Err(Error::Broken));
        let forced = bundle(&given, None, &Pools::default(), Flavor::Force, NOW).expect("forced");
        assert!(forced.root.is_none() && forced.chain.len() == 1);
    }
}
