//! The file behind `-db-config`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::DatabaseError;

/// Where keys of the database lie in a store, unless told otherwise.
const PREFIX: &str = "/coracle/certificates";

/// Drivers of CFSSL, which are databases that speak SQL.
const SQL: [&str; 5] = ["sqlite3", "sqlite", "postgres", "mysql", "pgx"];

const WHAT_IS: &str = "{\"driver\": \"file\", \"data_source\": \"certificates.jsonl\"}, or \
    {\"driver\": \"etcd\", \"endpoints\": [\"https://127.0.0.1:2379\"], \"ca\": \"ca.pem\", \
    \"cert\": \"client.pem\", \"key\": \"client-key.pem\"}";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// A file, or a directory in which one is made.
    File {
        data_source: PathBuf,
    },
    Etcd(EtcdConfig),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdConfig {
    pub endpoints: Vec<String>,
    /// Without a slash at its end.
    pub prefix: String,
    pub ca: Option<PathBuf>,
    /// Certificate and key of the client.
    pub identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    driver: String,
    data_source: Option<PathBuf>,
    endpoints: Option<Vec<String>>,
    prefix: Option<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl DatabaseConfig {
    /// Paths in the file are taken as they stand, from where the command runs, as CFSSL does.
    pub fn read(path: &Path) -> Result<Self, DatabaseError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| DatabaseError::ReadConfig { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| DatabaseError::Config { path: path.to_owned(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // First the driver alone: fields of other drivers may have any name.
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let driver = value.get("driver").and_then(|driver| driver.as_str()).unwrap_or_default();
        if SQL.contains(&driver) {
            return Err(format!("the driver {driver:?} is not here; use {WHAT_IS}"));
        }
        if !["file", "etcd"].contains(&driver) {
            return Err(format!("the field \"driver\" is {driver:?}; use {WHAT_IS}"));
        }
        let fields: Fields = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if fields.driver == "file" { fields.file() } else { fields.etcd() }
    }
}

impl Fields {
    fn file(self) -> Result<DatabaseConfig, String> {
        let others = [
            ("endpoints", self.endpoints.is_some()),
            ("prefix", self.prefix.is_some()),
            ("ca", self.ca.is_some()),
            ("cert", self.cert.is_some()),
            ("key", self.key.is_some()),
        ];
        if let Some((name, _)) = others.iter().find(|(_, given)| *given) {
            return Err(format!("the field {name:?} belongs to the driver \"etcd\""));
        }
        match self.data_source {
            Some(data_source) if !data_source.as_os_str().is_empty() => {
                Ok(DatabaseConfig::File { data_source })
            }
            _ => Err("the field \"data_source\" is missing: the path of the file".to_owned()),
        }
    }

    fn etcd(self) -> Result<DatabaseConfig, String> {
        if self.data_source.is_some() {
            return Err("the field \"data_source\" belongs to the driver \"file\"".to_owned());
        }
        let endpoints = self.endpoints.unwrap_or_default();
        if endpoints.is_empty() {
            return Err("the field \"endpoints\" is missing or empty".to_owned());
        }
        for endpoint in &endpoints {
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                return Err(format!(
                    "the endpoint {endpoint:?} must begin with https:// or http://"
                ));
            }
        }
        let identity = match (self.cert, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("the fields \"cert\" and \"key\" go together".to_owned()),
        };
        let prefix = self.prefix.unwrap_or_else(|| PREFIX.to_owned());
        let prefix = prefix.trim_end_matches('/').to_owned();
        if prefix.is_empty() {
            return Err("the field \"prefix\" is empty".to_owned());
        }
        Ok(DatabaseConfig::Etcd(EtcdConfig { endpoints, prefix, ca: self.ca, identity }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken() {
        let file = DatabaseConfig::parse(r#"{"driver":"file","data_source":"/var/db"}"#);
        assert_eq!(file, Ok(DatabaseConfig::File { data_source: "/var/db".into() }));
        let text = r#"{"driver":"etcd","endpoints":["https://a:2379"],"prefix":"/p/","ca":"ca.pem",
            "cert":"c.pem","key":"k.pem"}"#;
        let expected = EtcdConfig {
            endpoints: vec!["https://a:2379".to_owned()],
            prefix: "/p".to_owned(),
            ca: Some("ca.pem".into()),
            identity: Some(("c.pem".into(), "k.pem".into())),
        };
        assert_eq!(DatabaseConfig::parse(text), Ok(DatabaseConfig::Etcd(expected)));
    }

    #[test]
    fn what_is_refused_and_how() {
        for (text, word) in [
            (r#"{"driver":"sqlite3","data_source":"x.db"}"#, "sqlite3"),
            (r#"{"driver":"postgres","data_source":"x","more":1}"#, "\"driver\": \"file\""),
            (r#"{"data_source":"x"}"#, "driver"),
            (r#"{"driver":"file"}"#, "data_source"),
            (r#"{"driver":"file","data_source":""}"#, "data_source"),
            (r#"{"driver":"file","data_source":"x","prefix":"p"}"#, "prefix"),
            (r#"{"driver":"file","data_source":"x","sauce":"p"}"#, "sauce"),
            (r#"{"driver":"etcd"}"#, "endpoints"),
            (r#"{"driver":"etcd","endpoints":["a:2379"]}"#, "a:2379"),
            (r#"{"driver":"etcd","endpoints":["http://a"],"cert":"c"}"#, "key"),
            (r#"{"driver":"etcd","endpoints":["http://a"],"data_source":"c"}"#, "data_source"),
            (r#"{"driver":"etcd","endpoints":["http://a"],"prefix":"/"}"#, "prefix"),
            ("{\"driver\":\n file}", "line 2"),
        ] {
            let refused = DatabaseConfig::parse(text).expect_err(text);
            assert!(refused.contains(word), "{text}: {refused}");
        }
    }
}
