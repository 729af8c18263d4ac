//! URLs of members, in the shapes that etcd takes: `http`, `https` with host and port and nothing
//! else, `unix` and `unixs` with a path.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    Http,
    Https,
    Unix,
    /// A Unix socket with TLS.
    Unixs,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Unix => "unix",
            Scheme::Unixs => "unixs",
        }
    }

    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Https | Scheme::Unixs)
    }

    pub fn is_unix(self) -> bool {
        matches!(self, Scheme::Unix | Scheme::Unixs)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    pub scheme: Scheme,
    /// Host and port, or what a Unix URL has before its path.
    authority: String,
    path: String,
}

/// In etcd's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    #[error("URL address does not have the form \"host:port\": {0}")]
    HostPort(String),
    #[error("URL must not contain a path: {0}")]
    Path(String),
    #[error("expected IP in URL for binding ({0})")]
    NoAddress(String),
    #[error("unexpected empty host ({0})")]
    NoHost(String),
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or_else(|| UrlError::Scheme(text.into()))?;
        let scheme = [Scheme::Http, Scheme::Https, Scheme::Unix, Scheme::Unixs]
            .into_iter()
            .find(|known| known.name() == scheme.to_lowercase())
            .ok_or_else(|| UrlError::Scheme(text.into()))?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if !scheme.is_unix() {
            if split(authority).is_none() {
                return Err(UrlError::HostPort(text.into()));
            }
            if !path.is_empty() {
                return Err(UrlError::Path(text.into()));
            }
        } else if authority.is_empty() && path.is_empty() {
            return Err(UrlError::NoHost(text.into()));
        }
        Ok(Self { scheme, authority: authority.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority, self.path)
    }
}

/// Where a listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    Tcp(IpAddr, u16),
    /// `localhost`: the loopback address, of IPv4 where the host has it.
    Localhost(u16),
    Unix(PathBuf),
}

impl Url {
    /// Host and port of a TCP URL.
    fn host_port(&self) -> Option<(&str, u16)> {
        if self.scheme.is_unix() { None } else { split(&self.authority) }
    }

    pub fn host(&self) -> Option<&str> {
        self.host_port().map(|(host, _)| host)
    }

    /// As etcd, which binds to addresses and to `localhost` and resolves no other name.
    pub fn bind(&self) -> Result<Bind, UrlError> {
        let Some((host, port)) = self.host_port() else {
            return Ok(Bind::Unix(PathBuf::from(format!("{}{}", self.authority, self.path))));
        };
        if host == "localhost" {
            return Ok(Bind::Localhost(port));
        }
        let address = host.parse().map_err(|_| UrlError::NoAddress(self.to_string()))?;
        Ok(Bind::Tcp(address, port))
    }

    /// Whether others can be told this URL.
    pub fn check_host(&self) -> Result<(), UrlError> {
        match self.host() {
            Some("") => Err(UrlError::NoHost(self.to_string())),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self.host() {
            None | Some("localhost") => true,
            Some(host) => host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        }
    }

    pub fn is_unspecified(&self) -> bool {
        let address = self.host().and_then(|host| host.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.is_unspecified())
    }

    pub fn port(&self) -> Option<u16> {
        self.host_port().map(|(_, port)| port)
    }

    /// The same URL at another host and port.
    pub fn at(&self, host: &str, port: u16) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Self { authority: format!("{host}:{port}"), ..self.clone() }
    }
}

/// Splits `host:port`, `[v6]:port` too.
fn split(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = authority.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    Some((host, port.parse().ok()?))
}

/// Reads a list as etcd does: separated by commas, sorted, each once.
pub fn parse_list(text: &str) -> Result<Vec<Url>, UrlError> {
    let mut urls = text.split(',').map(str::parse).collect::<Result<Vec<Url>, _>>()?;
    urls.sort_by_key(Url::to_string);
    urls.dedup();
    Ok(urls)
}

/// Reads `name=url,name=url`; a name may come again with another URL. Kept in order of names.
pub fn parse_members(text: &str) -> Result<Vec<(String, Vec<Url>)>, UrlError> {
    let mut members = std::collections::BTreeMap::<String, Vec<Url>>::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, url) = pair.trim().split_once('=').unwrap_or((pair.trim(), ""));
        members.entry(name.to_owned()).or_default().push(url.parse()?);
    }
    for urls in members.values_mut() {
        urls.sort_by_key(Url::to_string);
    }
    Ok(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_and_refused_as_by_etcd() {
        for text in [
            "http://127.0.0.1:2379",
            "https://[::1]:2379",
            "http://localhost:0",
            "unix:///run/etcd.sock",
            "unixs://localhost:1234",
            "http://etcd-0.etcd:2380",
        ] {
            assert_eq!(text.parse::<Url>().expect(text).to_string(), text);
        }
        for (text, refusal) in [
            ("127.0.0.1:2379", "URL scheme must be http"),
            ("ftp://a:1", "URL scheme must be http"),
            ("http://127.0.0.1", "\"host:port\": http://127.0.0.1"),
            ("http://::1:2379", "\"host:port\""),
            ("http://a:99999", "\"host:port\""),
            ("http://a:1/", "URL must not contain a path"),
            ("", "URL scheme must be http"),
        ] {
            let error = text.parse::<Url>().expect_err(text).to_string();
            assert!(error.contains(refusal), "{text}: {error}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_are_bound() {
        let bind = |text: &str| text.parse::<Url>().expect(text).bind();
        assert_eq!(bind("http://localhost:1"), Ok(Bind::Localhost(1)));
        assert_eq!(bind("http://0.0.0.0:1"), Ok(Bind::Tcp([0, 0, 0, 0].into(), 1)));
        assert_eq!(bind("unix:///a/b"), Ok(Bind::Unix("/a/b".into())));
        assert_eq!(bind("unix://localhost:1"), Ok(Bind::Unix("localhost:1".into())));
        let error = bind("http://example.com:1").expect_err("a name").to_string();
        assert_eq!(error, "expected IP in URL for binding (http://example.com:1)");
    }

    #[test]
    fn members_are_gathered_by_name() {
        let members = parse_members("b=http://b:2,a=http://a:9,a=http://a:1").expect("valid");
        let texts: Vec<String> = members[0].1.iter().map(Url::to_string).collect();
        assert_eq!((members[0].0.as_str(), texts.len()), ("a", 2));
        assert_eq!(texts[0], "http://a:1");
        assert_eq!(members[1].0, "b");
        assert!(parse_members("a").is_err() && parse_members("a=b").is_err());
    }
}
