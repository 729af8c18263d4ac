//! The endpoints: each a name, a method, what it needs, and a function.

mod bundle;
mod certadd;
mod generation;
mod health;
mod inspection;
mod revocation;
mod scan;
mod signing;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use certs::x509::Certificate;
use http::Method;

use super::answer::{Failure, Success, code};
use super::app::App;
use super::dispatch::Call;
use crate::database::Database;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Success, Failure>> + Send + 'a>>;

pub(super) struct Endpoint {
    /// What stands after the prefix of the path.
    pub name: &'static str,
    pub method: Method,
    /// What is missing for it, if anything.
    pub needs: fn(&App) -> Result<(), String>,
    pub handle: for<'a> fn(&'a App, Call) -> Answering<'a>,
}

pub(super) const ALL: &[Endpoint] = &[
    Endpoint {
        name: "info",
        method: Method::POST,
        needs: |app| app.signer.check(),
        handle: signing::info,
    },
    Endpoint {
        name: "sign",
        method: Method::POST,
        needs: signing::needs_open_profile,
        handle: signing::sign,
    },
    Endpoint {
        name: "authsign",
        method: Method::POST,
        needs: signing::needs_authenticated_profile,
        handle: signing::authsign,
    },
    Endpoint {
        name: "newcert",
        method: Method::POST,
        needs: signing::needs_open_profile,
        handle: generation::newcert,
    },
    Endpoint {
        name: "newkey",
        method: Method::POST,
        needs: |_| Ok(()),
        handle: generation::newkey,
    },
    Endpoint {
        name: "init_ca",
        method: Method::POST,
        needs: |_| Ok(()),
        handle: generation::init_ca,
    },
    Endpoint {
        name: "bundle",
        method: Method::POST,
        needs: bundle::needs_roots,
        handle: bundle::bundle,
    },
    Endpoint {
        name: "certinfo",
        method: Method::POST,
        needs: |_| Ok(()),
        handle: inspection::certinfo,
    },
    Endpoint {
        name: "revoke",
        method: Method::POST,
        needs: needs_database,
        handle: revocation::revoke,
    },
    Endpoint {
        name: "crl",
        method: Method::GET,
        needs: |app| needs_key(app).and_then(|()| needs_database(app)),
        handle: revocation::crl,
    },
    Endpoint {
        name: "gencrl",
        method: Method::POST,
        needs: |_| Ok(()),
        handle: revocation::gencrl,
    },
    Endpoint {
        name: "ocspsign",
        method: Method::POST,
        needs: needs_responder,
        handle: revocation::ocspsign,
    },
    Endpoint {
        name: "certadd",
        method: Method::POST,
        needs: needs_database,
        handle: certadd::certadd,
    },
    Endpoint { name: "scan", method: Method::GET, needs: |_| Ok(()), handle: scan::scan },
    Endpoint { name: "scaninfo", method: Method::GET, needs: |_| Ok(()), handle: scan::scaninfo },
    Endpoint { name: "health", method: Method::GET, needs: |_| Ok(()), handle: health::health },
];

fn needs_database(app: &App) -> Result<(), String> {
    match app.database {
        Some(_) => Ok(()),
        None => Err("cert db not configured (missing -db-config)".to_owned()),
    }
}

fn needs_key(app: &App) -> Result<(), String> {
    match app.signer.issuer {
        Some(_) => Ok(()),
        None => Err("signer not initialized (-ca and -ca-key)".to_owned()),
    }
}

fn needs_responder(app: &App) -> Result<(), String> {
    match app.responder {
        Some(_) => Ok(()),
        None => Err("no OCSP responder (-ca, -responder and -responder-key)".to_owned()),
    }
}

fn database(app: &App) -> Result<&Arc<dyn Database>, Failure> {
    app.database.as_ref().ok_or_else(|| Failure::internal("no database is configured"))
}

/// What the listener of `domain` shows, looked at where waiting for it holds up nobody.
async fn presented(domain: &str, ip: Option<&str>) -> Result<Vec<Certificate>, Failure> {
    let endpoint = crate::bundle::Endpoint::parse(domain, ip);
    let looking = tokio::task::spawn_blocking(move || crate::bundle::presented_by(&endpoint));
    let shown = looking.await.map_err(|_| Failure::internal("the request broke off"))?;
    shown.map_err(|error| Failure::numbered(code::DIAL, format_args!("{error:#}")))
}
