//! `bundle`, and the bundles that go with what is signed.

use certs::x509::{Certificate, PrivateKey};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Answering, presented};
use crate::bundle::{Flavor, bundle as put_together};
use crate::serve::answer::{Failure, Success, code};
use crate::serve::app::App;
use crate::serve::dispatch::Call;

const NO_BUNDLER: &str = "This request requires a bundler, but one is not initialized for the API \
    server (-ca-bundle and -int-bundle).";

pub(super) fn needs_roots(app: &App) -> Result<(), String> {
    app.pools.as_ref().map(|_| ()).map_err(Clone::clone)
}

pub(super) fn bundle(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let document = call.document()?;
        let root = document.root();
        let text = |name| root.text_of(name);
        let flavor = text("flavor")?.unwrap_or("ubiquitous");
        let flavor = Flavor::named(flavor).ok_or_else(|| {
            Failure::bad_request("flavor: ubiquitous, optimal and force are known")
        })?;
        let (given, key) = match (text("certificate")?, text("domain")?) {
            (Some(certificate), domain) => {
                let given = Certificate::all_from_pem(certificate)
                    .map_err(|error| Failure::numbered(code::CERTIFICATE_PARSE, error))?;
                for name in domain.into_iter().chain(text("ip")?) {
                    check_name(&given, name)?;
                }
                let key = text("private_key")?.map(PrivateKey::from_pem).transpose();
                (given, key.map_err(|error| Failure::numbered(code::PRIVATE_KEY_PARSE, error))?)
            }
            (None, Some(domain)) => (presented(domain, text("ip")?).await?, None),
            (None, None) => return Err(Failure::bad_request("no valid parameter sets found")),
        };
        Ok(Success::new(bundled(app, &given, key.as_ref(), flavor)?))
    })
}

/// `result` with the bundle of `certificate`, where this server makes some.
pub(super) fn beside(
    app: &App,
    mut result: Map<String, Value>,
    certificate: &str,
) -> Result<Success, Failure> {
    if !app.bundles_what_it_signs {
        return Ok(Success::new(result).with_message(code::INVALID_REQUEST, NO_BUNDLER));
    }
    let signed = Certificate::all_from_pem(certificate).map_err(Failure::internal)?;
    result.insert("bundle".to_owned(), bundled(app, &signed, None, Flavor::Optimal)?);
    Ok(Success::new(result))
}

fn bundled(
    app: &App,
    given: &[Certificate],
    key: Option<&PrivateKey>,
    flavor: Flavor,
) -> Result<Value, Failure> {
    let pools = app.pools.as_ref().map_err(Failure::internal)?;
    let made = put_together(given, key, pools, flavor, OffsetDateTime::now_utc());
    Ok(made.map_err(|error| Failure::numbered(code::CERTIFICATE_VERIFY, error))?.to_json())
}

/// Whether the first certificate is for a host or an address.
fn check_name(given: &[Certificate], name: &str) -> Result<(), Failure> {
    let Some(leaf) = given.first() else { return Ok(()) };
    let der = CertificateDer::from(leaf.der());
    let is_for = ParsedCertificate::try_from(&der).is_ok_and(|parsed| {
        ServerName::try_from(name)
            .is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
    });
    let failure = || {
        let message = format_args!("the certificate is not for {name}").to_string();
        Failure::numbered(code::CERTIFICATE_VERIFY, message)
    };
    is_for.then_some(()).ok_or_else(failure)
}
