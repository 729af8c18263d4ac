//! Why a patch does not apply.

use super::json::MAX_OPERATIONS;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("the JSON patch is malformed: {0}")]
    MalformedJsonPatch(String),
    #[error("the JSON patch has {0} operations; at most {MAX_OPERATIONS} are allowed")]
    TooManyOperations(usize),
    #[error("the JSON patch copies more than the patched object may hold")]
    TooLarge,
    /// RFC 6902's test did not hold.
    #[error("operation {operation} of the JSON patch: testing value {path} failed")]
    TestFailed { operation: usize, path: String },
    #[error("operation {operation} of the JSON patch: {name} {path:?}: {problem}")]
    Operation { operation: usize, name: &'static str, path: String, problem: String },
    #[error("a patch must be an object, not {0}")]
    NotAnObject(&'static str),
    #[error("{path}: unknown patch type: {directive}")]
    UnknownDirective { path: String, directive: String },
    #[error("{path}: the list element does not contain declared merge key: {key}")]
    NoMergeKey { path: String, key: String },
    #[error("{path}: cannot merge a list of objects without a merge key")]
    NoMergeKeyDeclared { path: String },
    #[error("{path}: expected {expected}, but received {found}")]
    WrongType { path: String, expected: &'static str, found: &'static str },
    #[error("{path}: lists of lists are not supported")]
    ListOfLists { path: String },
    #[error("{path}: merging lists cannot yet be specified in the patch")]
    MergeInList { path: String },
    #[error("{path}: $retainKeys does not list {key:?}, which the patch sets")]
    RetainKeys { path: String, key: String },
    #[error("{path}: the order of the patch does not match its $setElementOrder")]
    ElementOrder { path: String },
}
