//! What is refused for the sake of the cluster's membership, in etcd's words.

use tonic::Code;

/// Why a change of members, or a request to this member, is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("etcdserver: member ID already exist")]
    IdExists,
    #[error("etcdserver: Peer URLs already exists")]
    PeerUrlExists,
    #[error("etcdserver: given member URLs are invalid")]
    BadUrls,
    #[error("etcdserver: member not found")]
    NotFound,
    #[error("etcdserver: re-configuration failed due to not enough started members")]
    NotEnoughStarted,
    #[error("etcdserver: can only promote a learner member")]
    NotLearner,
    #[error("etcdserver: can only promote a learner member which is in sync with leader")]
    LearnerNotReady,
    #[error("etcdserver: too many learner members in cluster")]
    TooManyLearners,
    #[error("etcdserver: unhealthy cluster")]
    Unhealthy,
    #[error("etcdserver: not leader")]
    NotLeader,
    #[error("etcdserver: bad leader transferee")]
    BadTransferee,
    #[error("etcdserver: request timed out, leader transfer took too long")]
    TransferTimedOut,
    #[error("etcdserver: rpc not supported for learner")]
    NotSupportedForLearner,
}

impl Refusal {
    /// Every refusal, for those that read them back from their words.
    pub const ALL: [Self; 13] = [
        Self::IdExists,
        Self::PeerUrlExists,
        Self::BadUrls,
        Self::NotFound,
        Self::NotEnoughStarted,
        Self::NotLearner,
        Self::LearnerNotReady,
        Self::TooManyLearners,
        Self::Unhealthy,
        Self::NotLeader,
        Self::BadTransferee,
        Self::TransferTimedOut,
        Self::NotSupportedForLearner,
    ];

    /// etcd's code for it.
    pub fn code(self) -> Code {
        match self {
            Self::IdExists
            | Self::PeerUrlExists
            | Self::NotEnoughStarted
            | Self::NotLearner
            | Self::LearnerNotReady
            | Self::TooManyLearners
            | Self::NotLeader
            | Self::BadTransferee
            | Self::NotSupportedForLearner => Code::FailedPrecondition,
            Self::BadUrls => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::Unhealthy => Code::Unavailable,
            // Has no code of its own there.
            Self::TransferTimedOut => Code::Unknown,
        }
    }
}
