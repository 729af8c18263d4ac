//! Which endpoints are meant, and with which certificates: flags and environment first, then the
//! running cluster of this host.

use super::address::{Address, Security};
use super::dial::Dialer;
use super::session::Limits;
use super::tls::Tls;
use super::{Login, Session};
use crate::arguments::Global;
use crate::{Host, Usage, discover};

/// Where etcd listens unless told otherwise.
const DEFAULT_ENDPOINT: &str = "127.0.0.1:2379";

/// Largest request unless told otherwise: what etcd's own client sends.
const SEND_BYTES: usize = 2 * 1024 * 1024;
/// Largest answer unless told otherwise: ranges of a whole store are long.
const RECEIVE_BYTES: usize = i32::MAX as usize;

/// Where to connect, and how to prove who asks.
#[derive(Clone)]
pub struct Target {
    /// As they were named.
    pub endpoints: Vec<String>,
    addresses: Vec<Address>,
    dialer: Dialer,
    tls: Tls,
    login: Login,
    limits: Limits,
    debug: bool,
}

impl Target {
    /// Decides from flags, environment and the running cluster.
    pub fn resolve(global: &Global, host: &Host<'_>) -> anyhow::Result<Self> {
        if global.discovery_srv.is_some() || global.discovery_srv_name.is_some() {
            return Err(Usage(
                "--discovery-srv is not supported: name the members with --endpoints".to_owned(),
            )
            .into());
        }
        for (flag, path) in
            [("--cacert", &global.cacert), ("--cert", &global.cert), ("--key", &global.key)]
        {
            if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
                return Err(Usage(format!("empty string is passed to {flag} option")).into());
            }
        }
        let named_tls = global.cacert.is_some() || global.cert.is_some() || global.key.is_some();
        let insecure = global.insecure_skip_tls_verify || !global.insecure_transport;
        let wants_cluster = global.cluster_dir.is_some()
            || global.endpoints.is_empty()
            || (!named_tls && !insecure && global.endpoints.iter().any(|name| wants_tls(name)));
        let found =
            if wants_cluster { discover::find(global.cluster_dir.as_deref(), host)? } else { None };
        let endpoints = match (&found, global.endpoints.is_empty()) {
            (_, false) => global.endpoints.iter().map(|name| name.trim().to_owned()).collect(),
            (Some(found), true) => vec![found.endpoint.clone()],
            (None, true) => vec![DEFAULT_ENDPOINT.to_owned()],
        };
        let tls = match (&found, named_tls) {
            (Some(found), false) => {
                let file = |name: &str| Some(found.pki.join("etcd").join(name));
                Tls {
                    authority: file("ca.crt"),
                    certificate: file("healthcheck-client.crt"),
                    key: file("healthcheck-client.key"),
                    believe_anyone: global.insecure_skip_tls_verify,
                }
            }
            _ => Tls {
                authority: global.cacert.clone(),
                certificate: global.cert.clone(),
                key: global.key.clone(),
                believe_anyone: global.insecure_skip_tls_verify,
            },
        };
        let login = Login::from_flags(
            global.user.as_deref(),
            global.password.as_deref(),
            global.auth_jwt_token.as_deref(),
            "Password: ",
        )?;
        let limit = |given: usize, default| if given == 0 { default } else { given };
        let limits = Limits {
            send: limit(global.max_request_bytes, SEND_BYTES),
            receive: limit(global.max_recv_bytes, RECEIVE_BYTES),
        };
        let dialer = Dialer {
            tls: None,
            tls_unless_told: named_tls || insecure || global.cluster_dir.is_some(),
            dial_timeout: global.dial_timeout,
            keepalive_time: global.keepalive_time,
            keepalive_timeout: global.keepalive_timeout,
        };
        let target = Self {
            endpoints: Vec::new(),
            addresses: Vec::new(),
            dialer,
            tls,
            login,
            limits,
            debug: global.debug,
        };
        target.towards(endpoints)
    }

    /// The same certificates and user, other endpoints.
    pub fn towards(&self, endpoints: Vec<String>) -> anyhow::Result<Self> {
        let addresses = endpoints
            .iter()
            .map(|endpoint| Address::parse(endpoint))
            .collect::<Result<Vec<_>, _>>()?;
        let mut dialer = self.dialer.clone();
        let secured = |address: &Address| match address.security {
            Security::Plain => false,
            Security::Tls => true,
            Security::AsConfigured => dialer.tls_unless_told,
        };
        if dialer.tls.is_none() && addresses.iter().any(secured) {
            dialer.tls = Some(self.tls.client()?);
        }
        Ok(Self { endpoints, addresses, dialer, ..self.clone() })
    }

    /// Another cluster, with certificates and a user of its own.
    pub fn elsewhere(
        &self,
        endpoint: &str,
        tls: Tls,
        with_tls: bool,
        login: Login,
    ) -> anyhow::Result<Self> {
        let dialer = Dialer { tls: None, tls_unless_told: with_tls, ..self.dialer.clone() };
        let other = Self { dialer, tls, login, ..self.clone() };
        other.towards(vec![endpoint.to_owned()])
    }

    /// All endpoints; the first that answers is used.
    pub async fn any(&self) -> anyhow::Result<Session> {
        self.session(self.addresses.clone()).ready().await
    }

    /// One endpoint and no other.
    pub async fn only(&self, endpoint: &str) -> anyhow::Result<Session> {
        let one = self.towards(vec![endpoint.to_owned()])?;
        one.session(one.addresses.clone()).ready().await
    }

    fn session(&self, addresses: Vec<Address>) -> Session {
        Session::new(addresses, self.dialer.clone(), self.login.clone(), self.limits, self.debug)
    }

    /// Reads over HTTP/1.1, as `/metrics`, from the first endpoint.
    pub async fn http_get(&self, path: &str) -> anyhow::Result<String> {
        let address = self.addresses.first().ok_or_else(|| anyhow::anyhow!("no endpoint"))?;
        self.dialer.http_get(address, path).await
    }
}

fn wants_tls(endpoint: &str) -> bool {
    let endpoint = endpoint.trim();
    endpoint.starts_with("https://") || endpoint.starts_with("unixs://")
}
