//! Where a CA server is: what `-remote` and the `remotes` of a signing config say.

use std::fmt;
use std::str::FromStr;

/// Port of a server that is named by its host alone.
const PORT: u16 = 8888;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub https: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no address of a CA server: HOST, HOST:PORT, http://HOST:PORT or https://HOST:PORT \
     is, several with commas between"
)]
pub struct AddressError(String);

impl Address {
    /// Several with commas between, to be tried in this order.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, AddressError> {
        text.split(',').map(str::parse).collect()
    }

    /// Host and port, as the `Host` header has them.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// As CFSSL reads it: without a scheme http is spoken, and only then 8888 is the port.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError(text.to_owned());
        let trimmed = text.trim();
        let (https, rest, default) = match trimmed.split_once("://") {
            Some(("https", rest)) => (true, rest, 443),
            Some(("http", rest)) => (false, rest, 80),
            Some(_) => return Err(refuse()),
            None => (false, trimmed, PORT),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '@', '?', '#', ' ']) {
            return Err(refuse());
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(refuse)?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or_else(refuse)?),
                };
                (host, port)
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() {
            return Err(refuse());
        }
        let port = port.map_or(Ok(default), str::parse).map_err(|_| refuse())?;
        Ok(Self { https, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_cfssl_reads_them() {
        for (text, expected) in [
            ("ca.example", Some("http://ca.example:8888")),
            ("ca.example:1234", Some("http://ca.example:1234")),
            (" 127.0.0.1:8888 ", Some("http://127.0.0.1:8888")),
            ("http://ca", Some("http://ca:80")),
            ("https://ca", Some("https://ca:443")),
            ("https://ca:8443/", Some("https://ca:8443")),
            ("[::1]", Some("http://[::1]:8888")),
            ("https://[::1]:99", Some("https://[::1]:99")),
            ("", None),
            ("ftp://ca", None),
            ("ca:port", None),
            ("ca:70000", None),
            ("[::1", None),
            ("https://ca/path", None),
        ] {
            let address = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(address.ok().as_deref(), expected, "{text}");
        }
        assert_eq!(Address::parse_list("a,b:1").map(|list| list.len()), Ok(2));
        assert!(Address::parse_list("a,,b").is_err());
    }
}
