//! Users and roles: `auth`, `user`, `role`.

use std::ffi::OsString;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Demand authentication from now on; the user root must exist
    Enable,
    /// Demand no authentication any more
    Disable,
    /// Tell whether authentication is demanded
    Status,
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a user; the password is asked for unless it is given
    Add {
        #[arg(value_name = "NAME[:PASSWORD]")]
        name: String,
        /// false to read the password from standard input instead of the terminal
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = ArgAction::Set)]
        interactive: bool,
        /// Password of the new user
        #[arg(long, value_name = "PASSWORD")]
        new_user_password: Option<String>,
        /// Without a password: the user is known by the common name of its certificate only
        #[arg(long)]
        no_password: bool,
    },
    /// Delete a user
    Delete { name: String },
    /// Print the roles of a user
    Get {
        name: String,
        /// Print the permissions of the roles too
        #[arg(long)]
        detail: bool,
    },
    /// Print all users
    List,
    /// Change the password of a user
    Passwd {
        name: String,
        /// false to read the password from standard input instead of the terminal
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = true, action = ArgAction::Set)]
        interactive: bool,
    },
    /// Give a role to a user
    GrantRole { name: String, role: String },
    /// Take a role from a user
    RevokeRole { name: String, role: String },
}

#[derive(Debug, Subcommand)]
pub enum Role {
    /// Add a role
    Add { role: String },
    /// Delete a role
    Delete { role: String },
    /// Print the permissions of a role
    Get { role: String },
    /// Print all roles
    List,
    /// Permit a role to read or write keys
    GrantPermission {
        role: String,
        #[arg(value_enum, ignore_case = true)]
        permission: Permission,
        #[command(flatten)]
        keys: Keys,
    },
    /// Take the permission on keys, named as they were granted
    RevokePermission {
        role: String,
        #[command(flatten)]
        keys: Keys,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Permission {
    Read,
    Write,
    Readwrite,
}

#[derive(Debug, Args)]
pub struct Keys {
    pub key: OsString,
    /// Keys from KEY up to, but without, this one
    #[arg(value_name = "ENDKEY")]
    pub end: Option<OsString>,
    /// Keys that start with KEY
    #[arg(long)]
    pub prefix: bool,
    /// Keys from KEY on, in byte order
    #[arg(long)]
    pub from_key: bool,
}
