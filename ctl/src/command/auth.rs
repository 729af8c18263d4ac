//! `auth enable|disable|status`.

use store_proto::etcdserverpb as pb;

use super::{Context, within};
use crate::arguments::auth::Auth;
use crate::connect::Session;
use crate::output::{Answer, line};

/// The user and the role that must exist before authentication is demanded.
const ROOT: &str = "root";

pub async fn run(run: &Context, command: Auth) -> anyhow::Result<()> {
    let session = run.session().await?;
    match command {
        Auth::Status => {
            let request = pb::AuthStatusRequest {};
            let response = within(run.timeout, session.auth().auth_status(request)).await?;
            run.printer.print(&Answer::AuthStatus(&response))
        }
        Auth::Enable => {
            enable(run, &session).await?;
            line(format_args!("Authentication Enabled"))?;
            Ok(())
        }
        Auth::Disable => {
            let request = pb::AuthDisableRequest {};
            within(run.timeout, session.auth().auth_disable(request)).await?;
            line(format_args!("Authentication Disabled"))?;
            Ok(())
        }
    }
}

/// Makes the role root, and gives it to the user root, when the server misses it.
async fn enable(run: &Context, session: &Session) -> anyhow::Result<()> {
    let mut client = session.auth();
    let first = within(run.timeout, client.auth_enable(pb::AuthEnableRequest {})).await;
    let Err(error) = first else { return Ok(()) };
    if !error.to_string().contains("root user does not have root role") {
        return Err(error);
    }
    let role = pb::AuthRoleAddRequest { name: ROOT.to_owned() };
    within(run.timeout, client.role_add(role)).await?;
    let grant = pb::AuthUserGrantRoleRequest { user: ROOT.to_owned(), role: ROOT.to_owned() };
    within(run.timeout, client.user_grant_role(grant)).await?;
    within(run.timeout, client.auth_enable(pb::AuthEnableRequest {})).await.map(|_| ())
}
