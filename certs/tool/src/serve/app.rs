//! What the endpoints share.

use std::sync::Arc;

use certs::x509::{Issuer, Responder};
use time::Duration;

use crate::database::Database;

/// What of it is not there disables the endpoints that need it.
#[derive(Default)]
pub(super) struct App {
    pub issuer: Option<Arc<Issuer>>,
    pub database: Option<Arc<dyn Database>>,
    pub responder: Option<(Responder, Duration)>,
}

impl App {
    pub fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_deref()
    }

    pub fn responder(&self) -> Option<(&Responder, Duration)> {
        self.responder.as_ref().map(|(responder, interval)| (responder, *interval))
    }
}
