//! `scan` and `scaninfo`.

use std::time::Duration;

use super::Answering;
use crate::flag::parse_duration;
use crate::scan::{Scan, describe};
use crate::serve::answer::{Failure, Success};
use crate::serve::app::App;
use crate::serve::dispatch::Call;

/// How long a host may be scanned: CFSSL's bounds.
const TIMEOUT: Duration = Duration::from_secs(60);
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(5 * 60);

pub(super) fn scan(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let text = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
        let timeout = timeout(text("timeout"))?;
        let host = text("host");
        if host.is_empty() {
            return Err(Failure::bad_request("no host given"));
        }
        let bundle = app.ca_bundle.clone();
        let scan = Scan::new(text("family"), text("scanner"), text("ip"), bundle)
            .map_err(Failure::bad_request)?;
        match tokio::time::timeout(timeout, scan.run(host)).await {
            Ok(report) => Ok(Success::new(report)),
            Err(_) => Err(Failure::bad_request(format_args!("scan timed out after {timeout:?}"))),
        }
    })
}

fn timeout(text: &str) -> Result<Duration, Failure> {
    if text.is_empty() {
        return Ok(TIMEOUT);
    }
    let parsed = parse_duration(text).map_err(Failure::bad_request)?;
    match Duration::try_from(parsed) {
        Ok(timeout) if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) => Ok(timeout),
        _ => Err(Failure::bad_request("invalid timeout given: it is 1s to 5m")),
    }
}

pub(super) fn scaninfo(_app: &App, _call: Call) -> Answering<'_> {
    Box::pin(async { Ok(Success::new(describe())) })
}
