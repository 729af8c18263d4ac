//! Nobody becomes an administrator by a request for an ordinary client certificate.

use api::Status;
use api::resource::certificate_signing_request::{APISERVER_CLIENT, GROUP, PLURAL};
use api::resource::fields::text;

use super::{Lister, Operation, Request};
use crate::registry::certificate_request;

const ADMINISTRATORS: &str = "system:masters";

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    if !request.is(GROUP, PLURAL) || request.operation != Operation::Create {
        return Ok(());
    }
    let Some(csr) = request.object.as_deref() else { return Ok(()) };
    if text(csr, "spec.signerName") != APISERVER_CLIENT {
        return Ok(());
    }
    // Validation tells what is wrong with a request that cannot be read.
    let Ok(asked) = certificate_request(csr) else { return Ok(()) };
    if asked.subject().organizations().contains(&ADMINISTRATORS) {
        return Err(request.forbid(&format!(
            "use of {APISERVER_CLIENT} signer with {ADMINISTRATORS} group is not allowed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use certs::x509::{self, AlternativeNames, KeyAlgorithm, PrivateKey, Subject};
    use serde_json::json;

    use super::super::testing::{Case, World};
    use super::*;

    fn ask(signer: &str, organizations: &[&str]) -> String {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let subject = Subject::new("jane", organizations);
        let names = AlternativeNames::default();
        let asked = x509::Request::new(&key, &subject, &names, &[]).unwrap();
        let request = STANDARD.encode(asked.to_pem());
        let csr = json!({"metadata": {"name": "a"},
            "spec": {"signerName": signer, "request": request}});
        Case::new(GROUP, PLURAL).object(csr).outcome(&World::default())
    }

    #[test]
    fn no_masters() {
        assert_eq!(ask(APISERVER_CLIENT, &["a", "b"]), "admitted");
        assert_eq!(ask("example.com/s", &["system:masters"]), "admitted");
        assert_eq!(
            ask(APISERVER_CLIENT, &["a", "system:masters"]),
            "403 certificatesigningrequests.certificates.k8s.io \"a\" is forbidden: use of \
             kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
        );
    }
}
