//! Tables as etcdctl draws them, and the rows that `simple` shares with them.

use comfy_table::{Table, TableComponent, presets::ASCII_FULL_CONDENSED};
use store_proto::etcdserverpb as pb;

use crate::SnapshotStatus;
use crate::command::Health;
use crate::text::size;

fn draw(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(ASCII_FULL_CONDENSED);
    table.set_style(TableComponent::HeaderLines, '-');
    for component in [
        TableComponent::LeftHeaderIntersection,
        TableComponent::MiddleHeaderIntersections,
        TableComponent::RightHeaderIntersection,
    ] {
        table.set_style(component, '+');
    }
    table.set_header(header.to_vec());
    table.add_rows(rows);
    format!("{table}\n")
}

pub fn member_rows(response: &pb::MemberListResponse) -> Vec<Vec<String>> {
    let row = |member: &pb::Member| {
        // As etcdctl: a member that never told its name has not started.
        let state = if member.name.is_empty() { "unstarted" } else { "started" };
        vec![
            format!("{:x}", member.id),
            state.to_owned(),
            member.name.clone(),
            member.peer_ur_ls.join(","),
            member.client_ur_ls.join(","),
            member.is_learner.to_string(),
        ]
    };
    response.members.iter().map(row).collect()
}

pub fn members(response: &pb::MemberListResponse) -> String {
    let header = ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"];
    draw(&header, member_rows(response))
}

pub fn health(answers: &[Health]) -> String {
    let row = |answer: &Health| {
        vec![
            answer.endpoint.clone(),
            answer.error.is_none().to_string(),
            format!("{:?}", answer.took),
            answer.error.clone().unwrap_or_default(),
        ]
    };
    draw(&["ENDPOINT", "HEALTH", "TOOK", "ERROR"], answers.iter().map(row).collect())
}

pub fn status_rows(answers: &[(String, pb::StatusResponse)]) -> Vec<Vec<String>> {
    let row = |(endpoint, status): &(String, pb::StatusResponse)| {
        let member = status.header.as_ref().map_or(0, |header| header.member_id);
        vec![
            endpoint.clone(),
            format!("{member:x}"),
            status.version.clone(),
            size(status.db_size),
            (status.leader == member).to_string(),
            status.is_learner.to_string(),
            status.raft_term.to_string(),
            status.raft_index.to_string(),
            status.raft_applied_index.to_string(),
            status.errors.join(", "),
        ]
    };
    answers.iter().map(row).collect()
}

pub fn status(answers: &[(String, pb::StatusResponse)]) -> String {
    let header = [
        "ENDPOINT",
        "ID",
        "VERSION",
        "DB SIZE",
        "IS LEADER",
        "IS LEARNER",
        "RAFT TERM",
        "RAFT INDEX",
        "RAFT APPLIED INDEX",
        "ERRORS",
    ];
    draw(&header, status_rows(answers))
}

pub fn snapshot(status: &SnapshotStatus) -> String {
    let row = vec![
        format!("{:x}", status.hash),
        status.revision.to_string(),
        status.total_keys.to_string(),
        size(status.total_size),
    ];
    draw(&["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"], vec![row])
}
