//! The cluster that a restored member founds: read from `--initial-cluster` and checked as etcdutl
//! checks it.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::InitialMember;

/// Why no cluster can be founded so. In etcd's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    #[error("no valid URLs given")]
    NoUrls,
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    #[error("URL address does not have the form \"host:port\": {0}")]
    HostPort(String),
    #[error("URL must not contain a path: {0}")]
    Path(String),
    #[error("couldn't find local name {0:?} in the initial cluster configuration")]
    NoLocalName(String),
    #[error("initial cluster {0} has duplicate url")]
    DuplicateUrl(String),
    #[error("member exists with identical ID {0:x}")]
    SameId(u64),
    #[error(
        "--initial-cluster has {missing} but missing from \
         --initial-advertise-peer-urls={advertised}"
    )]
    NotAdvertised { missing: String, advertised: String },
    #[error(
        "--initial-advertise-peer-urls has {surplus} but missing from \
         --initial-cluster={advertised}"
    )]
    NotInCluster { surplus: String, advertised: String },
}

/// Reads `a=http://10.0.0.1:2380,a=http://10.0.1.1:2380,b=…`. Members come in order of their names.
pub fn parse_initial_cluster(text: &str) -> Result<Vec<InitialMember>, BootstrapError> {
    let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
        members.entry(name).or_default().push(url.to_owned());
    }
    let member = |(name, urls): (&str, Vec<String>)| {
        Ok(InitialMember { name: name.to_owned(), peer_urls: check_urls(&urls)? })
    };
    members.into_iter().map(member).collect()
}

/// Checks peer URLs and sorts them.
pub fn check_urls(urls: &[String]) -> Result<Vec<String>, BootstrapError> {
    if urls.is_empty() {
        return Err(BootstrapError::NoUrls);
    }
    let checked: Result<Vec<_>, _> = urls.iter().map(|url| check_url(url.trim())).collect();
    let mut checked = checked?;
    checked.sort();
    Ok(checked)
}

fn check_url(url: &str) -> Result<String, BootstrapError> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match scheme {
        "unix" | "unixs" => return Ok(url.to_owned()),
        "http" | "https" => {}
        _ => return Err(BootstrapError::Scheme(url.to_owned())),
    }
    let (address, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if !is_host_port(address) {
        return Err(BootstrapError::HostPort(url.to_owned()));
    }
    if !path.is_empty() {
        return Err(BootstrapError::Path(url.to_owned()));
    }
    Ok(url.to_owned())
}

/// `host:port`, with an IPv6 address in brackets.
fn is_host_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    port.bytes().all(|byte| byte.is_ascii_digit()) && (bracketed || !host.contains(':'))
}

/// Whether member `name`, which advertises `peer_urls`, may found the cluster of `members`.
pub(super) fn verify(
    name: &str,
    peer_urls: &[String],
    members: &[InitialMember],
) -> Result<(), BootstrapError> {
    let Some(own) = members.iter().find(|member| member.name == name) else {
        return Err(BootstrapError::NoLocalName(name.to_owned()));
    };
    let pairs = |name: &str, urls: &[String]| {
        let pairs: Vec<_> = urls.iter().map(|url| format!("{name}={url}")).collect();
        pairs.join(",")
    };
    let without = |from: &[String], urls: &[String]| -> Vec<String> {
        from.iter().filter(|url| !urls.contains(url)).cloned().collect()
    };
    let missing = without(&own.peer_urls, peer_urls);
    if !missing.is_empty() {
        let (missing, advertised) = (pairs(name, &missing), peer_urls.join(","));
        return Err(BootstrapError::NotAdvertised { missing, advertised });
    }
    let surplus = without(peer_urls, &own.peer_urls);
    if !surplus.is_empty() {
        let (surplus, advertised) = (surplus.join(","), pairs(name, peer_urls));
        return Err(BootstrapError::NotInCluster { surplus, advertised });
    }
    let mut seen = BTreeSet::new();
    if !members.iter().flat_map(|member| &member.peer_urls).all(|url| seen.insert(url)) {
        let all: Vec<_> =
            members.iter().map(|member| pairs(&member.name, &member.peer_urls)).collect();
        return Err(BootstrapError::DuplicateUrl(all.join(",")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(urls: &[&str]) -> Vec<String> {
        urls.iter().map(|url| (*url).to_owned()).collect()
    }

    #[test]
    fn a_cluster_is_read_name_by_name() {
        let read =
            parse_initial_cluster("b=http://b:1,a=http://a:2,,a=https://a:1").expect("valid");
        let member = |name: &str, peer_urls: &[&str]| InitialMember {
            name: name.to_owned(),
            peer_urls: urls(peer_urls),
        };
        assert_eq!(
            read,
            [member("a", &["http://a:2", "https://a:1"]), member("b", &["http://b:1"])]
        );
        assert_eq!(parse_initial_cluster(""), Ok(Vec::new()));
    }

    #[test]
    fn urls_are_refused_in_etcds_words() {
        for (url, words) in [
            ("", "URL scheme must be http, https, unix, or unixs: "),
            ("a:2380", "URL scheme must be http, https, unix, or unixs: a:2380"),
            ("ftp://a:1", "URL scheme must be http, https, unix, or unixs: ftp://a:1"),
            ("http://a", "URL address does not have the form \"host:port\": http://a"),
            ("http://::1:1", "URL address does not have the form \"host:port\": http://::1:1"),
            ("http://a:1/x", "URL must not contain a path: http://a:1/x"),
        ] {
            let error = check_urls(&urls(&[url])).expect_err(url);
            assert_eq!(error.to_string(), words);
        }
        assert_eq!(check_urls(&[]), Err(BootstrapError::NoUrls));
        let fine = urls(&["http://[::1]:2380", "unix:///x/y"]);
        assert_eq!(check_urls(&fine), Ok(fine.clone()));
    }

    #[test]
    fn the_member_and_its_urls_must_be_in_the_cluster() {
        let cluster = parse_initial_cluster("a=http://a:1,b=http://b:1").expect("valid");
        let refused = |name, own: &[&str], cluster: &[InitialMember]| {
            verify(name, &urls(own), cluster).expect_err("refused").to_string()
        };
        assert_eq!(verify("a", &urls(&["http://a:1"]), &cluster), Ok(()));
        assert_eq!(
            refused("c", &["http://c:1"], &cluster),
            "couldn't find local name \"c\" in the initial cluster configuration"
        );
        assert_eq!(
            refused("a", &["http://x:1"], &cluster),
            "--initial-cluster has a=http://a:1 but missing from \
             --initial-advertise-peer-urls=http://x:1"
        );
        assert_eq!(
            refused("a", &["http://a:1", "http://x:1"], &cluster),
            "--initial-advertise-peer-urls has http://x:1 but missing from \
             --initial-cluster=a=http://a:1,a=http://x:1"
        );
        let twice = parse_initial_cluster("a=http://a:1,b=http://a:1").expect("valid");
        assert_eq!(
            refused("a", &["http://a:1"], &twice),
            "initial cluster a=http://a:1,b=http://a:1 has duplicate url"
        );
    }
}
