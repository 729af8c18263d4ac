//! `-w protobuf`: the answer's message as it came over the wire.
//!
//! Of granted, kept and listed leases etcdctl writes only the header, because that is what its
//! structs encode to; so does this. A revoked lease, which it cannot write at all, is written.

use prost::Message;
use store_proto::etcdserverpb as pb;

use super::Answer;

pub fn print(answer: &Answer<'_>) -> Option<Vec<u8>> {
    let header = |header: &Option<pb::ResponseHeader>| header.unwrap_or_default().encode_to_vec();
    Some(match answer {
        Answer::Get { response, .. } => response.encode_to_vec(),
        Answer::Put(response) => response.encode_to_vec(),
        Answer::Del(response) => response.encode_to_vec(),
        Answer::Txn(response) => response.encode_to_vec(),
        Answer::Watch(response) => {
            // The client's struct knows neither the watch's id nor the reason.
            let response = pb::WatchResponse {
                watch_id: 0,
                cancel_reason: String::new(),
                fragment: false,
                ..pb::WatchResponse::clone(response)
            };
            response.encode_to_vec()
        }
        Answer::Granted(response) => header(&response.header),
        Answer::KeptAlive(response) => header(&response.header),
        Answer::TimeToLive { response, .. } => header(&response.header),
        Answer::Leases(response) => header(&response.header),
        Answer::MemberAdded(response) => response.encode_to_vec(),
        Answer::MemberChanged { header, members, .. } => {
            let message = pb::MemberListResponse { header: **header, members: members.to_vec() };
            message.encode_to_vec()
        }
        Answer::Members(response) => response.encode_to_vec(),
        Answer::Alarms(response) => response.encode_to_vec(),
        Answer::Downgrade { response, .. } => response.encode_to_vec(),
        // All messages that are only a header are encoded alike.
        Answer::Revoked { header, .. }
        | Answer::LeaderMoved { header, .. }
        | Answer::Done { header, .. } => {
            pb::AuthEnableResponse { header: **header }.encode_to_vec()
        }
        Answer::AuthStatus(response) => response.encode_to_vec(),
        Answer::User { response, .. } => response.encode_to_vec(),
        Answer::Users(response) => response.encode_to_vec(),
        Answer::Role { response, .. } => response.encode_to_vec(),
        Answer::Roles(response) => response.encode_to_vec(),
        Answer::Health(_)
        | Answer::Status(_)
        | Answer::HashKv(_)
        | Answer::Snapshot(_)
        | Answer::FileHash(_) => return None,
    })
}
