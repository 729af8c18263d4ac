//! Users and roles in etcd's file.

use std::collections::BTreeMap;

use prost::Message;
use store_proto::authpb;

use crate::auth::{Auth, Permission, PermissionKind, Role, User};
use crate::bolt::{WriteError, Writer};

/// Writes the three buckets.
pub(super) fn put(auth: &Auth, writer: &mut Writer<'_>) -> Result<(), WriteError> {
    writer.bucket(b"auth")?;
    writer.put(b"authEnabled", &[u8::from(auth.enabled)])?;
    writer.put(b"authRevision", &auth.revision.to_be_bytes())?;
    writer.bucket(b"authRoles")?;
    for (name, role) in &auth.roles {
        writer.put(name.as_bytes(), &role_message(name, role).encode_to_vec())?;
    }
    writer.bucket(b"authUsers")?;
    for (name, user) in &auth.users {
        writer.put(name.as_bytes(), &user_message(name, user).encode_to_vec())?;
    }
    Ok(())
}

fn role_message(name: &str, role: &Role) -> authpb::Role {
    let permission = |permission: &Permission| authpb::Permission {
        perm_type: match permission.kind {
            PermissionKind::Read => authpb::permission::Type::Read,
            PermissionKind::Write => authpb::permission::Type::Write,
            PermissionKind::ReadWrite => authpb::permission::Type::Readwrite,
        }
        .into(),
        key: permission.key.clone(),
        range_end: permission.end.clone(),
    };
    authpb::Role {
        name: name.to_owned().into(),
        key_permission: role.permissions.iter().map(permission).collect(),
    }
}

fn user_message(name: &str, user: &User) -> authpb::User {
    authpb::User {
        name: name.to_owned().into(),
        password: user.password.clone(),
        roles: user.roles.iter().cloned().collect(),
        options: Some(authpb::UserAddOptions { no_password: user.no_password }),
    }
}

pub(super) fn take_switch(auth: &mut Auth, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
    match key {
        b"authEnabled" => auth.enabled = value == [1],
        b"authRevision" => {
            let number = value.try_into().map_err(|_| "the revision of users is malformed")?;
            auth.revision = u64::from_be_bytes(number);
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn take_role(
    roles: &mut BTreeMap<String, Role>,
    key: &[u8],
    value: &[u8],
) -> Result<(), &'static str> {
    let name = name(key)?;
    let role = authpb::Role::decode(value).map_err(|_| "a role is malformed")?;
    let permission = |found: authpb::Permission| Permission {
        kind: match found.perm_type() {
            authpb::permission::Type::Read => PermissionKind::Read,
            authpb::permission::Type::Write => PermissionKind::Write,
            authpb::permission::Type::Readwrite => PermissionKind::ReadWrite,
        },
        key: found.key,
        end: found.range_end,
    };
    let mut permissions: Vec<_> = role.key_permission.into_iter().map(permission).collect();
    permissions.sort_by(|a, b| a.key.cmp(&b.key));
    roles.insert(name, Role { permissions });
    Ok(())
}

pub(super) fn take_user(
    users: &mut BTreeMap<String, User>,
    key: &[u8],
    value: &[u8],
) -> Result<(), &'static str> {
    let name = name(key)?;
    let user = authpb::User::decode(value).map_err(|_| "a user is malformed")?;
    let no_password = user.options.is_some_and(|options| options.no_password);
    let roles = user.roles.into_iter().collect();
    users.insert(name, User::new(user.password, no_password, roles));
    Ok(())
}

fn name(key: &[u8]) -> Result<String, &'static str> {
    String::from_utf8(key.to_owned()).map_err(|_| "a name is not text")
}
