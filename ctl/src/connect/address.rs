//! Endpoints as people write them: `host:port`, `http://…`, `https://…`, `unix://…`, `unixs://…`.

use crate::Usage;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it was written; results are printed with it.
    pub written: String,
    pub place: Place,
    pub security: Security,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

/// What the scheme says about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    Plain,
    Tls,
    /// Without a scheme: TLS when the flags tell of it.
    AsConfigured,
}

impl Address {
    pub fn parse(written: &str) -> Result<Self, Usage> {
        let wrong = |reason: &str| Usage(format!("{written:?} is no endpoint: {reason}"));
        let written = written.trim();
        let (scheme, rest) = match written.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => match written.strip_prefix("unix:") {
                Some(path) => ("unix", path),
                None => ("", written),
            },
        };
        let security = match scheme {
            "http" | "unix" => Security::Plain,
            "https" | "unixs" => Security::Tls,
            "" => Security::AsConfigured,
            other => return Err(wrong(&format!("{other} is none of http, https, unix, unixs"))),
        };
        let place = if scheme.starts_with("unix") {
            Place::Unix { path: rest.to_owned() }
        } else {
            let rest = rest.split('/').next().unwrap_or(rest);
            let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "2379"));
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().map_err(|_| wrong("write host:port"))?;
            Place::Tcp { host: if host.is_empty() { "localhost" } else { host }.to_owned(), port }
        };
        Ok(Self { written: written.to_owned(), place, security })
    }

    /// What requests say they are sent to.
    pub fn authority(&self) -> String {
        match &self.place {
            Place::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Place::Tcp { host, port } => format!("{host}:{port}"),
            Place::Unix { .. } => "localhost".to_owned(),
        }
    }

    /// The name that the server's certificate is expected to carry.
    pub fn server_name(&self) -> &str {
        match &self.place {
            Place::Tcp { host, .. } => host,
            Place::Unix { .. } => "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let tcp = |host: &str, port| Place::Tcp { host: host.to_owned(), port };
        let cases = [
            ("127.0.0.1:2379", tcp("127.0.0.1", 2379), Security::AsConfigured),
            (" etcd ", tcp("etcd", 2379), Security::AsConfigured),
            (":2379", tcp("localhost", 2379), Security::AsConfigured),
            ("http://a:1/", tcp("a", 1), Security::Plain),
            ("https://[::1]:2379", tcp("::1", 2379), Security::Tls),
            ("unix:///run/etcd", Place::Unix { path: "/run/etcd".to_owned() }, Security::Plain),
            ("unixs://etcd.sock", Place::Unix { path: "etcd.sock".to_owned() }, Security::Tls),
        ];
        for (written, place, security) in cases {
            let address = Address::parse(written).expect(written);
            assert_eq!((address.place, address.security), (place, security), "{written}");
        }
        for wrong in ["ftp://a:1", "a:b", "a:99999"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
