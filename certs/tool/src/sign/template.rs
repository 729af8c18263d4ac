//! Decides what a certificate says: the profile's word, and what it lets the request say.

use certs::x509::{AlternativeNames, Certificate, Extension, Subject, Template, oid};
use regex::Regex;
use time::{Duration, OffsetDateTime};

use super::ask::SignRequest;
use super::refusal::Refusal;
use crate::config::{Profile, SigningConfig};

/// Certificates start a little in the past, for clocks that disagree.
const BACKDATE: Duration = Duration::minutes(5);

/// Whether a certificate can issue others at all.
pub(crate) fn check_issuer(issuer: &Certificate, now: OffsetDateTime) -> Result<(), Refusal> {
    if issuer.not_after() < now {
        return Err(Refusal::IssuerExpired { not_after: issuer.not_after() });
    }
    if issuer.not_before() > now {
        return Err(Refusal::IssuerEarly { not_before: issuer.not_before() });
    }
    // Roots from before X.509 version 3 say nothing about it.
    if !issuer.is_authority() && !issuer.extensions().is_empty() {
        return Err(Refusal::NotAnAuthority);
    }
    Ok(())
}

/// The certificate for `ask`; `issuer` is none for one that signs itself.
pub(crate) fn template(
    ask: &SignRequest,
    config: &SigningConfig,
    issuer: Option<&Certificate>,
    now: OffsetDateTime,
) -> Result<Template, Refusal> {
    let profile = config.profile(&ask.profile)?;
    let default = &config.default;
    check_authority(ask, profile, issuer)?;
    let (not_before, not_after) = validity(ask, profile, default, now)?;
    let mut template = Template::new(subject(ask, profile), not_before, not_after);
    template.alternative_names = names(ask, profile)?;
    check_whitelist(&template, profile)?;
    if profile.key_usages.is_empty() && profile.extended_key_usages.is_empty() {
        return Err(Refusal::NoUsages { profile: profile.name.clone() });
    }
    if profile.client_provides_serial_numbers {
        let missing = || Refusal::SerialMissing { profile: profile.name.clone() };
        template.serial = Some(ask.serial.clone().ok_or_else(missing)?);
    }
    template.key_usages = profile.key_usages;
    template.extended_key_usages = profile.extended_key_usages.clone();
    template.authority = profile.authority;
    if template.authority.is_some() {
        // As in CFSSL, an authority keeps only addresses of what it was asked to be called.
        let addresses = std::mem::take(&mut template.alternative_names.addresses);
        template.alternative_names = AlternativeNames { addresses, ..Default::default() };
    }
    let url = |asked: Option<&String>, own: &Option<String>, default: &Option<String>| {
        asked.or(own.as_ref()).or(default.as_ref()).cloned().into_iter().collect()
    };
    template.crl_urls = url(ask.crl_url.as_ref(), &profile.crl_url, &default.crl_url);
    template.ocsp_urls = url(None, &profile.ocsp_url, &default.ocsp_url);
    let issuer_urls = profile.issuer_urls.as_ref().or(default.issuer_urls.as_ref());
    template.issuer_urls = issuer_urls.cloned().unwrap_or_default();
    template.policies = profile.policies.clone();
    template.extra_extensions = extensions(ask, profile)?;
    Ok(template)
}

fn check_authority(
    ask: &SignRequest,
    profile: &Profile,
    issuer: Option<&Certificate>,
) -> Result<(), Refusal> {
    let asked = ask.request.basic_constraints()?.unwrap_or_default();
    // With a whitelist nothing of the request's extensions is taken.
    if asked.is_authority && profile.authority.is_none() && profile.csr_whitelist.is_none() {
        return Err(Refusal::Authority { profile: profile.name.clone() });
    }
    let Some(authority) = profile.authority else { return Ok(()) };
    let Some(path_len) = issuer.and_then(Certificate::path_len) else { return Ok(()) };
    let deepest = [authority.path_len, asked.path_len].into_iter().flatten().max();
    if path_len == 0 || deepest.is_some_and(|deepest| deepest >= path_len) {
        return Err(Refusal::PathLength { path_len });
    }
    Ok(())
}

fn subject(ask: &SignRequest, profile: &Profile) -> Subject {
    let requested = match profile.csr_whitelist {
        Some(whitelist) if !whitelist.subject => Subject::default(),
        _ => ask.request.subject().clone(),
    };
    match &ask.subject {
        Some(replacement) => replacement.complete(&requested),
        None => requested,
    }
}

fn names(ask: &SignRequest, profile: &Profile) -> Result<AlternativeNames, Refusal> {
    if let Some(hosts) = &ask.hosts {
        return Ok(AlternativeNames::of_hosts(hosts)?);
    }
    let mut names = ask.request.alternative_names().clone();
    if let Some(whitelist) = profile.csr_whitelist {
        let keep = [
            (whitelist.dns_names, &mut names.hosts),
            (whitelist.email_addresses, &mut names.emails),
            (whitelist.uris, &mut names.uris),
        ];
        for (kept, list) in keep {
            if !kept {
                list.clear();
            }
        }
        if !whitelist.ip_addresses {
            names.addresses.clear();
        }
    }
    Ok(names)
}

/// All names but addresses, as in CFSSL, must match.
fn check_whitelist(template: &Template, profile: &Profile) -> Result<(), Refusal> {
    let Some(pattern) = &profile.name_whitelist else { return Ok(()) };
    let names = &template.alternative_names;
    let all = template.subject.common_name().into_iter();
    let all = all.chain(names.hosts.iter().map(String::as_str));
    let all = all.chain(names.emails.iter().map(String::as_str));
    let mut all = all.chain(names.uris.iter().map(String::as_str));
    match all.find(|name| !matches(pattern, name)) {
        Some(name) => {
            Err(Refusal::Whitelist { profile: profile.name.clone(), name: name.to_owned() })
        }
        None => Ok(()),
    }
}

/// As Go's `Find` with a nil test: a match of nothing at all counts.
fn matches(pattern: &Regex, name: &str) -> bool {
    pattern.is_match(name)
}

/// The nearest whole minute, from which CFSSL counts.
pub(crate) fn rounded(now: OffsetDateTime) -> OffsetDateTime {
    let half_up = now + Duration::seconds(30);
    half_up
        - Duration::seconds(half_up.second().into())
        - Duration::nanoseconds(half_up.nanosecond().into())
}

fn validity(
    ask: &SignRequest,
    profile: &Profile,
    default: &Profile,
    now: OffsetDateTime,
) -> Result<(OffsetDateTime, OffsetDateTime), Refusal> {
    let not_before = ask.not_before.or(profile.not_before);
    let backdate = profile.backdate.unwrap_or(BACKDATE);
    let not_before = not_before.unwrap_or_else(|| rounded(now).saturating_sub(backdate));
    let expiry = profile.expiry.or(default.expiry).unwrap_or_default();
    let not_after =
        ask.not_after.or(profile.not_after).unwrap_or(not_before.saturating_add(expiry));
    if not_after <= now || not_after <= not_before {
        return Err(Refusal::Expired { profile: profile.name.clone(), not_after });
    }
    Ok((not_before, not_after))
}

fn extensions(ask: &SignRequest, profile: &Profile) -> Result<Vec<Extension>, Refusal> {
    let mut extensions = Vec::new();
    if profile.csr_whitelist.is_none() {
        let requested = ask.request.extensions().iter();
        extensions
            .extend(requested.filter(|extension| is_copied(extension, ask, profile)).cloned());
    }
    for extension in &ask.extensions {
        if !profile.allowed_extensions.contains(&extension.identifier) {
            return Err(Refusal::Extension {
                profile: profile.name.clone(),
                identifier: extension.identifier.to_string(),
            });
        }
        extensions.push(extension.clone());
    }
    if profile.ocsp_no_check {
        extensions.push(Extension::ocsp_no_check());
    }
    Ok(extensions)
}

/// Delegation always, other extensions where the profile says so. Whether it is an authority and,
/// where hosts are given, its names are never the request's word.
fn is_copied(extension: &Extension, ask: &SignRequest, profile: &Profile) -> bool {
    let identifier = &extension.identifier;
    if *identifier == oid::delegation_usage() {
        return true;
    }
    let is_names = *identifier == oid::subject_alternative_name();
    let names_are_decided = ask.hosts.is_some() || profile.authority.is_some();
    profile.copy_extensions
        && *identifier != oid::basic_constraints()
        && !(is_names && names_are_decided)
}
