//! What is refused for the sake of users and roles, in etcd's words.

/// A refusal. Clients match the texts to the letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("etcdserver: root user does not exist")]
    RootUserNotExist,
    #[error("etcdserver: root user does not have root role")]
    RootRoleNotExist,
    #[error("etcdserver: user name already exists")]
    UserExists,
    /// Also what a request without a token is told.
    #[error("etcdserver: user name is empty")]
    UserEmpty,
    #[error("etcdserver: user name not found")]
    UserNotFound,
    #[error("etcdserver: role name already exists")]
    RoleExists,
    #[error("etcdserver: role name not found")]
    RoleNotFound,
    #[error("etcdserver: role name is empty")]
    RoleEmpty,
    #[error("etcdserver: authentication failed, invalid user ID or password")]
    AuthFailed,
    #[error("etcdserver: permission not given")]
    PermissionNotGiven,
    #[error("etcdserver: permission denied")]
    PermissionDenied,
    #[error("etcdserver: role is not granted to the user")]
    RoleNotGranted,
    #[error("etcdserver: permission is not granted to the role")]
    PermissionNotGranted,
    #[error("etcdserver: authentication is not enabled")]
    NotEnabled,
    #[error("etcdserver: invalid auth token")]
    InvalidToken,
    #[error("etcdserver: invalid auth management")]
    InvalidManagement,
    /// Users or roles changed since the token was made, or since the request was permitted.
    #[error("etcdserver: revision of auth store is old")]
    OldRevision,
    /// A password for a user without one. etcd has no status for it, so neither is there one here.
    #[error("auth: authentication failed, password was given for no password user")]
    NoPasswordUser,
    #[error("bcrypt: password length exceeds 72 bytes")]
    PasswordTooLong,
    /// The member has a public key alone, so it cannot make tokens.
    #[error("auth: token signing attempted with verify-only key")]
    VerifyOnly,
}

impl Refusal {
    /// Every refusal that has a status of its own in etcd.
    pub const TOLD: [Refusal; 17] = [
        Refusal::RootUserNotExist,
        Refusal::RootRoleNotExist,
        Refusal::UserExists,
        Refusal::UserEmpty,
        Refusal::UserNotFound,
        Refusal::RoleExists,
        Refusal::RoleNotFound,
        Refusal::RoleEmpty,
        Refusal::AuthFailed,
        Refusal::PermissionNotGiven,
        Refusal::PermissionDenied,
        Refusal::RoleNotGranted,
        Refusal::PermissionNotGranted,
        Refusal::NotEnabled,
        Refusal::InvalidToken,
        Refusal::InvalidManagement,
        Refusal::OldRevision,
    ];
}
