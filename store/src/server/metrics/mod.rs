//! `/metrics` in Prometheus' text format, under etcd's names, so that its dashboards and alerts
//! work. Only what is really measured is there.

mod calls;
mod page;
mod process;
mod server;

use std::sync::Arc;

use self::page::Page;
use super::access::Access;
use super::calls::CallCounts;
use super::http::HealthCounts;
use crate::Embedded;

/// The content type of the text format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the services count. Clones share the counts.
#[derive(Clone)]
pub(super) struct Meters {
    pub calls: Arc<CallCounts>,
    pub health: Arc<HealthCounts>,
    pub access: Access,
}

/// The page. Made when it is asked for: between two looks, counts cost an addition each.
pub(super) fn page(store: &Embedded, meters: &Meters) -> String {
    let mut page = Page::default();
    server::write(&mut page, store, meters);
    calls::write(&mut page, &meters.calls);
    process::write(&mut page);
    page.finish()
}
