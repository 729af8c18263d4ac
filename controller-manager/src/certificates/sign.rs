//! What a certificate says, and for how long: from a request and its signer's rules.

use std::time::Duration;

use api::resource::certificate_signing_request::{
    APISERVER_CLIENT, APISERVER_CLIENT_KUBELET, KUBELET_SERVING,
};
use certs::x509::{Template, Usage};
use time::OffsetDateTime;

use super::kubelet::{check_client, check_serving};
use super::request::Asked;

/// For clients with slow clocks. Never more than a tenth of the certificate's time, so that those
/// that live for minutes are not born old.
const BACKDATE: Duration = Duration::from_secs(5 * 60);
const BACKDATE_PARTS: u32 = 10;
/// From here on the backdated minutes are taken off the end.
const LONG: Duration = Duration::from_secs(8 * 60 * 60);
/// Less is never given to who asks for it, as upstream.
const SHORTEST: Duration = Duration::from_secs(10 * 60);

/// Whether this is a signer that signs here.
pub fn is_ours(signer: &str) -> bool {
    [APISERVER_CLIENT, APISERVER_CLIENT_KUBELET, KUBELET_SERVING].contains(&signer)
}

/// The signer's rules. What breaks them will never be signed.
pub fn check(asked: &Asked<'_>) -> Result<(), String> {
    match asked.signer {
        APISERVER_CLIENT => check_client_usages(asked),
        APISERVER_CLIENT_KUBELET => {
            check_client(&asked.request, &asked.usages).map_err(|fault| fault.to_string())
        }
        KUBELET_SERVING => {
            check_serving(&asked.request, &asked.usages).map_err(|fault| fault.to_string())
        }
        other => Err(format!("no signer here is called {other}")),
    }
}

fn check_client_usages(asked: &Asked<'_>) -> Result<(), String> {
    const ALLOWED: [&str; 3] = ["client auth", "digital signature", "key encipherment"];
    if let Some(usage) = asked.usages.iter().find(|usage| !ALLOWED.contains(usage)) {
        return Err(format!("invalid usage for client certificate: {usage}"));
    }
    if asked.usages.contains("client auth") {
        return Ok(());
    }
    Err("missing required usage for client certificate: client auth".to_owned())
}

/// Subject and names as asked, byte for byte; usages as asked; no authority, and none of the
/// extensions that the request may ask for besides.
///
/// The time is the shortest of what is asked, `longest`, and what the authority has left. An
/// authority whose time is over signs nothing.
pub fn template(
    asked: &Asked<'_>,
    longest: Duration,
    authority_ends: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Template, String> {
    if authority_ends <= now {
        return Err(format!("the authority's certificate ended at {authority_ends}"));
    }
    let life = life(asked.seconds, longest);
    let backdate = BACKDATE.min(life / BACKDATE_PARTS);
    let end = if life < LONG { now + life } else { now + life - backdate };
    let subject = asked.request.subject().clone();
    let mut template = Template::new(subject, now - backdate, end.min(authority_ends));
    template.alternative_names = asked.request.alternative_names().clone();
    for usage in &asked.usages {
        match Usage::of_word(usage) {
            Some(Usage::Key(usage)) => template.key_usages |= usage,
            Some(Usage::Extended(usage)) => template.extended_key_usages.push(usage),
            None => return Err(format!("the usage {usage:?} is not known")),
        }
    }
    Ok(template)
}

fn life(asked: Option<i32>, longest: Duration) -> Duration {
    let Some(seconds) = asked else { return longest };
    let asked = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    asked.max(SHORTEST).min(longest)
}

#[cfg(test)]
mod tests {
    use certs::x509::{ExtendedKeyUsage, KeyUsage};

    use super::super::fixtures::csr;
    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    const MINUTE: Duration = Duration::from_secs(60);

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a time")
    }

    fn asked(seconds: Option<i32>, longest: Duration, left: Duration) -> (Duration, Duration) {
        let mut csr = csr(APISERVER_CLIENT, "u", &[], "jane", &["a", "b"], &[], &["client auth"]);
        csr.spec.expiration_seconds = seconds;
        let asked = Asked::read(&csr).expect("readable");
        let template = template(&asked, longest, now() + left, now()).expect("signable");
        let unsigned = |time: time::Duration| Duration::try_from(time).expect("in order");
        (unsigned(now() - template.not_before), unsigned(template.not_after - now()))
    }

    #[test]
    fn the_shortest_time_counts() {
        let five = 5 * MINUTE;
        assert_eq!(asked(None, YEAR, 10 * YEAR), (five, YEAR - five));
        assert_eq!(asked(Some(3600), YEAR, YEAR), (five, 60 * MINUTE));
        assert_eq!(asked(Some(600), YEAR, YEAR), (MINUTE, 10 * MINUTE));
        assert_eq!(asked(Some(1), YEAR, YEAR), (MINUTE, 10 * MINUTE));
        assert_eq!(asked(Some(86_400), 60 * MINUTE, YEAR), (five, 60 * MINUTE));
        assert_eq!(asked(None, YEAR, MINUTE), (five, MINUTE));
        assert_eq!(asked(Some(600), MINUTE, YEAR), (MINUTE / 10, MINUTE));
    }

    #[test]
    fn a_certificate_says_what_was_asked() {
        let usages = ["digital signature", "client auth"];
        let csr =
            csr(APISERVER_CLIENT, "u", &[], "jane", &["a", "b"], &["x.y", "10.0.0.1"], &usages);
        let asked = Asked::read(&csr).expect("readable");
        let made = template(&asked, YEAR, now() + YEAR, now()).expect("signable");
        assert_eq!(made.subject.organizations(), ["a", "b"]);
        assert_eq!(made.alternative_names.hosts, ["x.y"]);
        assert!(made.key_usages.contains(KeyUsage::DigitalSignature));
        assert_eq!(made.extended_key_usages, [ExtendedKeyUsage::ClientAuth]);
        assert_eq!(made.authority, None);
        assert!(template(&asked, YEAR, now(), now()).is_err_and(|error| error.contains("ended")));
    }

    #[test]
    fn each_signer_has_its_rules() {
        let check = |signer: &str, usages: &[&str]| {
            let csr = csr(signer, "u", &[], "jane", &["a"], &[], usages);
            super::check(&Asked::read(&csr).expect("readable")).err().unwrap_or_default()
        };
        assert_eq!(check(APISERVER_CLIENT, &["client auth", "key encipherment"]), "");
        assert!(check(APISERVER_CLIENT, &["client auth", "cert sign"]).contains("cert sign"));
        assert!(check(APISERVER_CLIENT, &["digital signature"]).contains("client auth"));
        assert!(check(APISERVER_CLIENT_KUBELET, &["client auth"]).contains("organization"));
        assert!(check(KUBELET_SERVING, &["server auth"]).contains("organization"));
        assert!(is_ours(KUBELET_SERVING) && !is_ours("example.com/s"));
    }
}
