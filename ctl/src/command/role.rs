//! `role add|delete|get|list|grant-permission|revoke-permission`.

use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use store_proto::authpb;
use store_proto::authpb::permission::Type;
use store_proto::etcdserverpb as pb;

use super::request::{Range, prefix_end};
use super::{Context, within};
use crate::Usage;
use crate::arguments::auth::{Keys, Permission, Role};
use crate::output::Answer;

pub async fn run(run: &Context, command: Role) -> anyhow::Result<()> {
    let done = |sentence: String, header: &Option<pb::ResponseHeader>| {
        run.printer.print(&Answer::Done { sentence, header })
    };
    match command {
        Role::Add { role } => {
            let request = pb::AuthRoleAddRequest { name: role.clone() };
            let answer = within(run.timeout, run.session().await?.auth().role_add(request)).await?;
            done(format!("Role {role} created"), &answer.header)
        }
        Role::Delete { role } => {
            let request = pb::AuthRoleDeleteRequest { role: role.clone() };
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.role_delete(request)).await?;
            done(format!("Role {role} deleted"), &answer.header)
        }
        Role::Get { role } => {
            let request = pb::AuthRoleGetRequest { role: role.clone() };
            let answer = within(run.timeout, run.session().await?.auth().role_get(request)).await?;
            run.printer.print(&Answer::Role { name: &role, response: &answer })
        }
        Role::List => {
            let request = pb::AuthRoleListRequest {};
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.role_list(request)).await?;
            run.printer.print(&Answer::Roles(&answer))
        }
        Role::GrantPermission { role, permission, keys } => {
            let (key, range_end) = range(&keys)?;
            let kind = match permission {
                Permission::Read => Type::Read,
                Permission::Write => Type::Write,
                Permission::Readwrite => Type::Readwrite,
            };
            let perm = authpb::Permission { perm_type: kind.into(), key, range_end };
            let request =
                pb::AuthRoleGrantPermissionRequest { name: role.clone(), perm: Some(perm) };
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.role_grant_permission(request)).await?;
            done(format!("Role {role} updated"), &answer.header)
        }
        Role::RevokePermission { role, keys } => {
            let (key, range_end) = range(&keys)?;
            let sentence = revoked(&role, &keys.key.to_string_lossy(), &range_end);
            let request = pb::AuthRoleRevokePermissionRequest { role, key, range_end };
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.role_revoke_permission(request)).await?;
            done(sentence, &answer.header)
        }
    }
}

fn revoked(role: &str, key: &str, end: &[u8]) -> String {
    match end {
        b"" => format!("Permission of key {key} is revoked from role {role}"),
        b"\0" => {
            format!("Permission of range [{key}, <open ended> is revoked from role {role}")
        }
        end => format!(
            "Permission of range [{key}, {}) is revoked from role {role}",
            String::from_utf8_lossy(end)
        ),
    }
}

/// Keys of a permission. Unlike in reads, an empty key alone means the key of one zero byte: a
/// permission is a half-open interval, which has no place before that.
fn range(keys: &Keys) -> Result<Range, Usage> {
    let wrong = |text: &str| Err(Usage(text.to_owned()));
    let open = || Bytes::from_static(b"\0");
    if keys.prefix && keys.from_key {
        return wrong("--from-key and --prefix flags are mutually exclusive");
    }
    if keys.key.is_empty() {
        let all = keys.prefix || keys.from_key;
        return Ok((open(), if all { open() } else { Bytes::new() }));
    }
    let key = Bytes::copy_from_slice(keys.key.as_bytes());
    let end = match (&keys.end, keys.prefix, keys.from_key) {
        (Some(_), true, _) => return wrong("unexpected endkey argument with --prefix flag"),
        (Some(_), _, true) => return wrong("unexpected endkey argument with --from-key flag"),
        (Some(end), false, false) => Bytes::copy_from_slice(end.as_bytes()),
        (None, true, _) => prefix_end(&key),
        (None, false, true) => open(),
        (None, false, false) => Bytes::new(),
    };
    Ok((key, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_intervals() {
        let keys = |key: &str, end: Option<&str>, prefix, from_key| Keys {
            key: key.into(),
            end: end.map(Into::into),
            prefix,
            from_key,
        };
        let bytes = Bytes::from_static;
        let cases = [
            (keys("a", None, false, false), (bytes(b"a"), bytes(b""))),
            (keys("a", Some("c"), false, false), (bytes(b"a"), bytes(b"c"))),
            (keys("a", None, true, false), (bytes(b"a"), bytes(b"b"))),
            (keys("a", None, false, true), (bytes(b"a"), bytes(b"\0"))),
            (keys("", None, true, false), (bytes(b"\0"), bytes(b"\0"))),
            (keys("", None, false, false), (bytes(b"\0"), bytes(b""))),
        ];
        for (keys, expected) in cases {
            assert_eq!(range(&keys).expect("a range"), expected, "{keys:?}");
        }
        assert!(range(&keys("a", Some("b"), true, false)).is_err());
        assert!(range(&keys("a", None, true, true)).is_err());
    }
}
