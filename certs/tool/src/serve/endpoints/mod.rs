//! The endpoints: each a name, a method, what it needs, and a function.

mod certadd;
mod health;
mod revocation;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Method;

use super::answer::{Failure, Success, code};
use super::app::App;
use super::dispatch::Call;
use crate::database::{Database, DatabaseError};

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
    Endpoint { name: "health", method: Method::GET, needs: |_| Ok(()), handle: health::health },
];

fn needs_database(app: &App) -> Result<(), String> {
    match app.database {
        Some(_) => Ok(()),
        None => Err("cert db not configured (missing -db-config)".to_owned()),
    }
}

fn needs_key(app: &App) -> Result<(), String> {
    match app.issuer {
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

fn failed(error: DatabaseError) -> Failure {
    match error {
        DatabaseError::NotFound(_) => Failure::numbered(code::DATABASE_NOT_FOUND, error),
        DatabaseError::Exists(_) => Failure::numbered(code::DATABASE_INSERT, error),
        DatabaseError::ReadConfig { .. }
        | DatabaseError::Config { .. }
        | DatabaseError::File { .. }
        | DatabaseError::Damaged { .. }
        | DatabaseError::Unsettled { .. }
        | DatabaseError::Store { .. }
        | DatabaseError::Record { .. }
        | DatabaseError::Contended { .. }
        | DatabaseError::BrokenOff => Failure::numbered(code::DATABASE, error),
    }
}
