//! `version`: the lines that scripts read from etcdctl, and what this really is.

use crate::arguments::Called;
use crate::output::line;

/// The release of etcd whose commands and output forms these are.
const ETCD_VERSION: &str = "3.6.0";
const API_VERSION: &str = "3.6";

pub fn run(called: Called) -> anyhow::Result<()> {
    line(format_args!("{} version: {ETCD_VERSION}", called.name()))?;
    line(format_args!("API version: {API_VERSION}"))?;
    line(format_args!("Coracle version: {}", env!("CARGO_PKG_VERSION")))?;
    Ok(())
}
