//! What applying a command answers to its proposer.

use crate::types::*;

/// The answer of an applied command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
    Txn(TxnResponse),
    LeaseGranted(LeaseGranted),
    Header(Header),
    Token { header: Header, token: String },
}
