//! Results on standard output, in the forms that people script against: `simple` and `table` as
//! etcdctl words them, `json` with the Go client's keys.

mod json;
mod simple;
mod table;

use std::io::Write;

use store_proto::etcdserverpb as pb;

use crate::SnapshotStatus;
use crate::arguments::{Format, Get};
use crate::command::Health;

/// Prints results in one format.
pub struct Printer {
    pub format: Format,
    pub hex: bool,
}

impl Printer {
    pub fn version(&self) -> anyhow::Result<()> {
        self.write(
            format!("ctl version: {}\nAPI version: 3.6\n", env!("CARGO_PKG_VERSION")).as_bytes(),
        )
    }

    pub fn get(&self, response: &pb::RangeResponse, get: &Get) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::range(response)),
            Format::Simple => self.write(&simple::range(response, get, self.hex)),
            Format::Table => self.no_table("get"),
        }
    }

    pub fn put(&self, response: &pb::PutResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::put(response)),
            Format::Simple => self.write(&simple::put(response, self.hex)),
            Format::Table => self.no_table("put"),
        }
    }

    pub fn del(&self, response: &pb::DeleteRangeResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::delete(response)),
            Format::Simple => self.write(&simple::delete(response, self.hex)),
            Format::Table => self.no_table("del"),
        }
    }

    pub fn txn(&self, response: &pb::TxnResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::txn(response)),
            Format::Simple => self.write(&simple::txn(response, self.hex)),
            Format::Table => self.no_table("txn"),
        }
    }

    pub fn watch(&self, response: &pb::WatchResponse, progress: bool) -> anyhow::Result<()> {
        let is_progress = response.events.is_empty() && !response.created;
        match self.format {
            Format::Json if response.created => Ok(()),
            Format::Json => self.json(&json::watch(response)),
            Format::Simple if is_progress && progress => {
                let revision = response.header.as_ref().map_or(0, |header| header.revision);
                self.write(format!("progress notify: {revision}\n").as_bytes())
            }
            Format::Simple => self.write(&simple::events(&response.events, self.hex)),
            Format::Table => self.no_table("watch"),
        }
    }

    pub fn members(&self, response: &pb::MemberListResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::members(response)),
            Format::Simple => self.write(simple::members(response).as_bytes()),
            Format::Table => self.write(table::members(response).as_bytes()),
        }
    }

    pub fn endpoint_health(&self, answers: &[Health]) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::health(answers)),
            Format::Simple => self.write(simple::health(answers).as_bytes()),
            Format::Table => self.write(table::health(answers).as_bytes()),
        }
    }

    pub fn endpoint_status(&self, answers: &[(String, pb::StatusResponse)]) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::status(answers)),
            Format::Simple => self.write(simple::status(answers).as_bytes()),
            Format::Table => self.write(table::status(answers).as_bytes()),
        }
    }

    pub fn snapshot_status(&self, status: &SnapshotStatus) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::snapshot(status)),
            Format::Simple => self.write(simple::snapshot(status).as_bytes()),
            Format::Table => self.write(table::snapshot(status).as_bytes()),
        }
    }

    pub fn lease_granted(&self, response: &pb::LeaseGrantResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::lease_granted(response)),
            _ => self.write(
                format!("lease {:016x} granted with TTL({}s)\n", response.id, response.ttl)
                    .as_bytes(),
            ),
        }
    }

    pub fn lease_revoked(&self, id: i64, response: &pb::LeaseRevokeResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::header_only(response.header.as_ref())),
            _ => self.write(format!("lease {id:016x} revoked\n").as_bytes()),
        }
    }

    pub fn lease_kept(&self, response: &pb::LeaseKeepAliveResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::lease_kept(response)),
            _ => self.write(
                format!("lease {:016x} keepalived with TTL({})\n", response.id, response.ttl)
                    .as_bytes(),
            ),
        }
    }

    pub fn lease_time_to_live(
        &self,
        response: &pb::LeaseTimeToLiveResponse,
        keys: bool,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::lease_time_to_live(response)),
            _ => self.write(simple::lease_time_to_live(response, keys).as_bytes()),
        }
    }

    pub fn leases(&self, response: &pb::LeaseLeasesResponse) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.json(&json::leases(response)),
            _ => self.write(simple::leases(response).as_bytes()),
        }
    }

    fn json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        self.write(format!("{value}\n").as_bytes())
    }

    fn no_table(&self, command: &str) -> anyhow::Result<()> {
        Err(crate::Usage(format!("{command} has no table form; use -w simple or -w json")).into())
    }

    fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut output = std::io::stdout().lock();
        output.write_all(bytes)?;
        output.flush()?;
        Ok(())
    }
}
