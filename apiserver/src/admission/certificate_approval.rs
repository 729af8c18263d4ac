//! Approving a request takes the right to approve for its signer, besides that to the subresource.

use api::Status;
use api::resource::certificate_signing_request::{GROUP, PLURAL};
use api::resource::fields::text;

use super::{Lister, Operation, Request};

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    let approves = request.is_any(GROUP, PLURAL)
        && request.subresource == "approval"
        && request.operation == Operation::Update;
    let Some(old) = request.old.filter(|_| approves) else { return Ok(()) };
    let signer = text(old, "spec.signerName");
    if request.may_for_signer("approve", signer) {
        return Ok(());
    }
    Err(request
        .forbid(&format!("user not permitted to approve requests with signerName {signer:?}")))
}

#[cfg(test)]
mod tests {
    use api::Identity;
    use serde_json::{Value, json};

    use super::super::testing::{Case, World};
    use super::*;

    fn csr() -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"signerName": "example.com/s"}})
    }

    fn approve(by: Identity) -> String {
        Case::new(GROUP, PLURAL)
            .operation(Operation::Update)
            .subresource("approval")
            .name("a")
            .old(csr())
            .object(csr())
            .by(by)
            .outcome(&World::default())
    }

    #[test]
    fn administrators_and_controllers_approve() {
        assert_eq!(approve(Identity::new("admin", &["system:masters"])), "admitted");
        assert_eq!(approve(Identity::controller("certificate-controller")), "admitted");
        for refused in [Identity::node("n"), Identity::new("jane", &["system:bootstrappers"])] {
            assert_eq!(
                approve(refused),
                "403 certificatesigningrequests.certificates.k8s.io \"a\" is forbidden: user not \
                 permitted to approve requests with signerName \"example.com/s\""
            );
        }
    }
}
