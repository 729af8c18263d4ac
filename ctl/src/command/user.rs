//! `user add|delete|get|list|passwd|grant-role|revoke-role`.

use store_proto::authpb;
use store_proto::etcdserverpb as pb;

use super::{Context, within};
use crate::arguments::auth::User;
use crate::connect::Session;
use crate::output::{Answer, line};
use crate::{Usage, secret};

pub async fn run(run: &Context, command: User) -> anyhow::Result<()> {
    // Passwords are asked for before anything is connected: a person may take their time.
    match command {
        User::Add { name, interactive, new_user_password, no_password } => {
            let (name, password) = if no_password {
                (name, String::new())
            } else {
                new_password(&name, new_user_password, interactive)?
            };
            let request = pb::AuthUserAddRequest {
                name: name.clone(),
                password,
                options: Some(authpb::UserAddOptions { no_password }),
                hashed_password: String::new(),
            };
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.user_add(request)).await?;
            done(run, format!("User {name} created"), &answer.header)
        }
        User::Passwd { name, interactive } => {
            let password = if interactive { ask_twice(&name)? } else { read()? };
            let request =
                pb::AuthUserChangePasswordRequest { name, password, ..Default::default() };
            let mut client = run.session().await?.auth();
            let answer = within(run.timeout, client.user_change_password(request)).await?;
            done(run, "Password updated".to_owned(), &answer.header)
        }
        command => with_session(run, run.session().await?, command).await,
    }
}

async fn with_session(run: &Context, session: Session, command: User) -> anyhow::Result<()> {
    let mut client = session.auth();
    match command {
        User::Delete { name } => {
            let request = pb::AuthUserDeleteRequest { name: name.clone() };
            let answer = within(run.timeout, client.user_delete(request)).await?;
            done(run, format!("User {name} deleted"), &answer.header)
        }
        User::Get { name, detail } => {
            let request = pb::AuthUserGetRequest { name: name.clone() };
            let response = within(run.timeout, client.user_get(request)).await?;
            if detail {
                return details(run, &session, &name, response.roles).await;
            }
            run.printer.print(&Answer::User { name: &name, response: &response })
        }
        User::List => {
            let response =
                within(run.timeout, client.user_list(pb::AuthUserListRequest {})).await?;
            run.printer.print(&Answer::Users(&response))
        }
        User::GrantRole { name, role } => {
            let request = pb::AuthUserGrantRoleRequest { user: name.clone(), role: role.clone() };
            let answer = within(run.timeout, client.user_grant_role(request)).await?;
            done(run, format!("Role {role} is granted to user {name}"), &answer.header)
        }
        User::RevokeRole { name, role } => {
            let request = pb::AuthUserRevokeRoleRequest { name: name.clone(), role: role.clone() };
            let answer = within(run.timeout, client.user_revoke_role(request)).await?;
            done(run, format!("Role {role} is revoked from user {name}"), &answer.header)
        }
        User::Add { .. } | User::Passwd { .. } => unreachable!("answered before connecting"),
    }
}

fn done(
    run: &Context,
    sentence: String,
    header: &Option<pb::ResponseHeader>,
) -> anyhow::Result<()> {
    run.printer.print(&Answer::Done { sentence, header })
}

async fn details(
    run: &Context,
    session: &Session,
    name: &str,
    roles: Vec<String>,
) -> anyhow::Result<()> {
    line(format_args!("User: {name}"))?;
    for role in roles {
        line("")?;
        let request = pb::AuthRoleGetRequest { role: role.clone() };
        let response = within(run.timeout, session.auth().role_get(request)).await?;
        run.printer.print(&Answer::Role { name: &role, response: &response })?;
    }
    Ok(())
}

/// Name and password of a user to add: from the flag, from `name:password`, or asked for.
fn new_password(
    name: &str,
    flag: Option<String>,
    interactive: bool,
) -> Result<(String, String), Usage> {
    if let Some(password) = flag.filter(|password| !password.is_empty()) {
        return Ok((name.to_owned(), password));
    }
    match name.split_once(':') {
        Some(("", _)) => Err(Usage("empty user name is not allowed".to_owned())),
        Some((name, password)) => Ok((name.to_owned(), password.to_owned())),
        None if interactive => Ok((name.to_owned(), ask_twice(name)?)),
        None => Ok((name.to_owned(), read()?)),
    }
}

fn read() -> Result<String, Usage> {
    secret::read().map_err(|error| Usage(format!("failed to read password: {error}")))
}

fn ask_twice(name: &str) -> Result<String, Usage> {
    let ask = |prompt: String| {
        secret::ask(&prompt).map_err(|error| {
            Usage(format!(
                "failed to ask password: {error}; give it on standard input with \
                 --interactive=false"
            ))
        })
    };
    let first = ask(format!("Password of {name}: "))?;
    if first.is_empty() {
        return Err(Usage("empty password".to_owned()));
    }
    let second = ask(format!("Type password of {name} again for confirmation: "))?;
    if first != second {
        return Err(Usage("given passwords are different".to_owned()));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_with_the_name_or_by_flag() {
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(new_password("a:b:c", None, true).ok(), pair("a", "b:c"));
        assert_eq!(new_password("a:b", Some("c".to_owned()), true).ok(), pair("a:b", "c"));
        assert!(new_password(":b", None, true).is_err());
    }
}
