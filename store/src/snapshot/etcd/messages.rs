//! What etcd keeps in its file and sends nobody.

use serde::{Deserialize, Serialize};

/// A lease. `remaining_ttl` is 0 unless the leader noted how much was left.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct Lease {
    #[prost(int64, tag = "1")]
    pub(super) id: i64,
    #[prost(int64, tag = "2")]
    pub(super) ttl: i64,
    #[prost(int64, tag = "3")]
    pub(super) remaining_ttl: i64,
}

/// A member.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::snapshot) struct Member {
    pub(in crate::snapshot) id: u64,
    #[serde(rename = "peerURLs")]
    pub(in crate::snapshot) peer_urls: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::snapshot) is_learner: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::snapshot) name: String,
    #[serde(rename = "clientURLs", skip_serializing_if = "Vec::is_empty")]
    pub(in crate::snapshot) client_urls: Vec<String>,
}
