//! Lines as etcdctl prints them.

use std::fmt::Write as _;

use store_proto::etcdserverpb as pb;
use store_proto::mvccpb;

use crate::SnapshotStatus;
use crate::arguments::Get;
use crate::command::Health;
use crate::text::{show, size};

fn line(output: &mut Vec<u8>, bytes: &[u8], hex: bool) {
    output.extend_from_slice(&show(bytes, hex));
    output.push(b'\n');
}

fn pair(output: &mut Vec<u8>, kv: &mvccpb::KeyValue, hex: bool) {
    line(output, &kv.key, hex);
    line(output, &kv.value, hex);
}

pub fn range(response: &pb::RangeResponse, get: &Get, hex: bool) -> Vec<u8> {
    let mut output = Vec::new();
    if get.count_only {
        return format!("{}\n", response.count).into_bytes();
    }
    for kv in &response.kvs {
        if !get.print_value_only {
            line(&mut output, &kv.key, hex);
        }
        // As etcdctl: keys alone are set apart by empty lines.
        line(&mut output, if get.keys_only { b"" } else { &kv.value }, hex);
    }
    output
}

pub fn put(response: &pb::PutResponse, hex: bool) -> Vec<u8> {
    let mut output = b"OK\n".to_vec();
    if let Some(kv) = &response.prev_kv {
        pair(&mut output, kv, hex);
    }
    output
}

pub fn delete(response: &pb::DeleteRangeResponse, hex: bool) -> Vec<u8> {
    let mut output = format!("{}\n", response.deleted).into_bytes();
    for kv in &response.prev_kvs {
        pair(&mut output, kv, hex);
    }
    output
}

pub fn txn(response: &pb::TxnResponse, hex: bool) -> Vec<u8> {
    use pb::response_op::Response;
    let verdict: &[u8] = if response.succeeded { b"SUCCESS\n" } else { b"FAILURE\n" };
    let mut output = verdict.to_vec();
    for op in &response.responses {
        output.push(b'\n');
        match &op.response {
            Some(Response::ResponseRange(response)) => {
                response.kvs.iter().for_each(|kv| pair(&mut output, kv, hex));
            }
            Some(Response::ResponsePut(response)) => output.extend(put(response, hex)),
            Some(Response::ResponseDeleteRange(response)) => output.extend(delete(response, hex)),
            Some(Response::ResponseTxn(response)) => output.extend(txn(response, hex)),
            None => {}
        }
    }
    output
}

pub fn events(events: &[mvccpb::Event], hex: bool) -> Vec<u8> {
    let mut output = Vec::new();
    for event in events {
        let name = match event.r#type() {
            mvccpb::event::EventType::Put => "PUT",
            mvccpb::event::EventType::Delete => "DELETE",
        };
        line(&mut output, name.as_bytes(), false);
        if let Some(kv) = &event.prev_kv {
            pair(&mut output, kv, hex);
        }
        if let Some(kv) = &event.kv {
            pair(&mut output, kv, hex);
        }
    }
    output
}

pub fn members(response: &pb::MemberListResponse) -> String {
    super::table::member_rows(response).into_iter().map(|row| row.join(", ") + "\n").collect()
}

pub fn health(answers: &[Health]) -> String {
    let mut output = String::new();
    for answer in answers {
        let (endpoint, took) = (&answer.endpoint, answer.took);
        let written = match &answer.error {
            None => writeln!(
                output,
                "{endpoint} is healthy: successfully committed proposal: took = {took:?}"
            ),
            Some(error) => {
                writeln!(output, "{endpoint} is unhealthy: failed to commit proposal: {error}")
            }
        };
        written.expect("writing to a String cannot fail");
    }
    output
}

pub fn status(answers: &[(String, pb::StatusResponse)]) -> String {
    super::table::status_rows(answers).into_iter().map(|row| row.join(", ") + "\n").collect()
}

pub fn snapshot(status: &SnapshotStatus) -> String {
    format!(
        "{:x}, {}, {}, {}\n",
        status.hash,
        status.revision,
        status.total_keys,
        size(status.total_size)
    )
}

pub fn lease_time_to_live(response: &pb::LeaseTimeToLiveResponse, keys: bool) -> String {
    if response.granted_ttl == 0 && response.ttl == -1 {
        return format!("lease {:016x} already expired\n", response.id);
    }
    let mut output = format!(
        "lease {:016x} granted with TTL({}s), remaining({}s)",
        response.id, response.granted_ttl, response.ttl
    );
    if keys {
        let keys: Vec<_> =
            response.keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        output.push_str(&format!(", attached keys([{}])", keys.join(" ")));
    }
    output + "\n"
}

pub fn leases(response: &pb::LeaseLeasesResponse) -> String {
    let mut output = format!("found {} leases\n", response.leases.len());
    for lease in &response.leases {
        output.push_str(&format!("{:016x}\n", lease.id));
    }
    output
}
