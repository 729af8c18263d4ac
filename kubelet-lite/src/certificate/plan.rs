//! When a certificate is asked for anew.

use certs::x509::Certificate;
use jiff::Timestamp;

use super::wanted::Wanted;

/// The part of its life after which a certificate is renewed, at the earliest and at the latest, as
/// upstream: spread, so that nodes that joined together do not ask together.
const EARLIEST: f64 = 0.7;
const LATEST: f64 = 0.9;

/// When to renew; `None` is at once: there is none, it has ended, or it is for something else.
/// `chance` is within 0..=1.
pub fn due(
    held: Option<&Certificate>,
    wanted: &Wanted,
    now: Timestamp,
    chance: f64,
) -> Option<Timestamp> {
    let held = held.filter(|certificate| wanted.is_met_by(certificate))?;
    let (begin, end) = (held.not_before().unix_timestamp(), held.not_after().unix_timestamp());
    if end <= now.as_second() {
        return None;
    }
    let part = EARLIEST + (LATEST - EARLIEST) * chance.clamp(0.0, 1.0);
    let life = std::time::Duration::from_secs(u64::try_from(end - begin).ok()?);
    let begin = Timestamp::from_second(begin).ok()?;
    begin.checked_add(life.mul_f64(part)).ok()
}

/// Whether a certificate has ended.
pub fn has_ended(certificate: &Certificate, now: Timestamp) -> bool {
    certificate.not_after().unix_timestamp() <= now.as_second()
}

#[cfg(test)]
mod tests {
    use certs::x509::{KeyAlgorithm, PrivateKey, Template, self_sign};
    use time::OffsetDateTime;

    use super::*;

    const BEGIN: i64 = 1_767_225_600;

    fn held(wanted: &Wanted, life: i64) -> Certificate {
        let time = |second| OffsetDateTime::from_unix_timestamp(second).expect("a time");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
        let mut template = Template::new(wanted.subject.clone(), time(BEGIN), time(BEGIN + life));
        template.alternative_names = wanted.names.clone();
        self_sign(&template, &key).expect("a certificate")
    }

    #[test]
    fn most_of_a_life_is_used() {
        let wanted = Wanted::client("n");
        let certificate = held(&wanted, 1000);
        let at = |second: i64| Timestamp::from_second(BEGIN + second).expect("a time");
        let due = |now, chance| due(Some(&certificate), &wanted, at(now), chance);
        assert_eq!(due(0, 0.0), Some(at(700)));
        assert_eq!(due(0, 1.0), Some(at(900)));
        assert_eq!(due(999, 0.5), Some(at(800)), "late, but still good");
        assert_eq!(due(1000, 0.5), None);
        assert!(has_ended(&certificate, at(1000)) && !has_ended(&certificate, at(999)));
    }

    #[test]
    fn what_is_for_something_else_is_asked_for_anew() {
        let now = Timestamp::from_second(BEGIN).expect("a time");
        let address = |text: &str| [text.parse().expect("an address")];
        let wanted = Wanted::serving("n", &address("10.0.0.1"));
        assert_eq!(due(None, &wanted, now, 0.0), None);
        assert!(due(Some(&held(&wanted, 100)), &wanted, now, 0.0).is_some());
        for other in [
            Wanted::serving("n", &address("10.0.0.2")),
            Wanted::serving("m", &address("10.0.0.1")),
            Wanted::client("n"),
        ] {
            assert_eq!(due(Some(&held(&other, 100)), &wanted, now, 0.0), None, "{other:?}");
        }
    }
}
