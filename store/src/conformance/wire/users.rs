//! Users and roles, set up in few words.

use super::*;

/// A connection that shows a token.
pub(super) struct As {
    pub wire: Wire,
    pub token: String,
}

impl As {
    /// `request` with the token.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("token", self.token.parse().expect("a token is text"));
        request
    }
}

pub(super) async fn add_user(wire: &Wire, name: &str, password: &str) {
    let request = pb::AuthUserAddRequest {
        name: name.to_owned(),
        password: password.to_owned(),
        ..Default::default()
    };
    accepted(wire.auth().user_add(request).await);
}

pub(super) async fn add_role(wire: &Wire, name: &str) {
    let request = pb::AuthRoleAddRequest { name: name.to_owned() };
    accepted(wire.auth().role_add(request).await);
}

pub(super) async fn grant_role(wire: &Wire, user: &str, role: &str) {
    let request = pb::AuthUserGrantRoleRequest { user: user.to_owned(), role: role.to_owned() };
    accepted(wire.auth().user_grant_role(request).await);
}

pub(super) async fn log_in(wire: &Wire, name: &str, password: &str) -> As {
    let request = pb::AuthenticateRequest { name: name.to_owned(), password: password.to_owned() };
    let token = accepted(wire.auth().authenticate(request).await).token;
    As { wire: wire.clone(), token }
}

/// Makes root with password `root`, and turns authentication on.
pub(super) async fn enable(wire: &Wire) -> As {
    add_user(wire, "root", "root").await;
    add_role(wire, "root").await;
    grant_role(wire, "root", "root").await;
    accepted(wire.auth().auth_enable(pb::AuthEnableRequest {}).await);
    log_in(wire, "root", "root").await
}
