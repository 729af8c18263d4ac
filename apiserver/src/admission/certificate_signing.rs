//! Giving a request its certificate, or saying that it failed, takes the right to sign for its
//! signer, besides that to the status.

use api::Status;
use api::resource::certificate_signing_request::{GROUP, PLURAL};
use api::resource::fields::{same_at, text};

use super::{Lister, Operation, Request};

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    let signs = request.is_any(GROUP, PLURAL)
        && request.subresource == "status"
        && request.operation == Operation::Update;
    let (Some(new), Some(old)) = (request.object.as_deref(), request.old.filter(|_| signs)) else {
        return Ok(());
    };
    let signer = text(old, "spec.signerName");
    let unchanged =
        same_at(new, old, "status.certificate") && same_at(new, old, "status.conditions");
    if unchanged || request.may_for_signer("sign", signer) {
        return Ok(());
    }
    Err(request.forbid(&format!("user not permitted to sign requests with signerName {signer:?}")))
}

#[cfg(test)]
mod tests {
    use api::Identity;
    use serde_json::{Value, json};

    use super::super::testing::{Case, World};
    use super::*;

    fn change(by: Identity, status: Value) -> String {
        let old = json!({"metadata": {"name": "a"}, "spec": {"signerName": "example.com/s"}});
        let mut new = old.clone();
        new["status"] = status;
        Case::new(GROUP, PLURAL)
            .operation(Operation::Update)
            .subresource("status")
            .name("a")
            .old(old)
            .object(new)
            .by(by)
            .outcome(&World::default())
    }

    #[test]
    fn signers_sign() {
        let issued = json!({"certificate": "Y2VydA=="});
        assert_eq!(
            change(Identity::controller("certificate-controller"), issued.clone()),
            "admitted"
        );
        assert_eq!(change(Identity::node("n"), json!({})), "admitted");
        assert!(change(Identity::node("n"), issued).contains("not permitted to sign"));
        let failed = json!({"conditions": [{"type": "Failed", "status": "True"}]});
        assert!(change(Identity::node("n"), failed).contains("not permitted to sign"));
    }
}
