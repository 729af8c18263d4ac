//! `newkey`, `newcert` and `init_ca`: keys that are made here and sent away.

use certs::x509::{Certificate, Hash, PrivateKey, Request};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{Answering, bundle};
use crate::authority;
use crate::ocsp::hex;
use crate::request::RequestSpec;
use crate::serve::answer::{Failure, Success, code};
use crate::serve::app::App;
use crate::serve::dispatch::Call;
use crate::sign::SignRequest;

const NO_HOSTS: &str = "This certificate lacks a \"hosts\" field. This makes it unsuitable for \
    websites: clients look for the server's name there, and nowhere else.";

pub(super) fn newkey(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let spec = RequestSpec::read(&call.document()?.root())?;
        let (key, request) = generate(app, spec).await?;
        let mut result = material(&key, &request)?;
        result.insert("sums".to_owned(), json!({"certificate_request": sums(request.der())}));
        Ok(Success::new(result))
    })
}

pub(super) fn newcert(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let document = call.document()?;
        let root = document.root();
        let spec = root.field("request")?;
        let spec = spec.ok_or_else(|| Failure::bad_request("missing request section"))?;
        let spec = RequestSpec::read(&spec)?;
        let without_hosts = spec.hosts().is_empty();
        let profile = root.text_of("profile")?.unwrap_or_default().to_owned();
        if app.profile(&profile)?.auth_key.is_some() {
            return Err(Failure::bad_request("authentication required"));
        }
        let (key, request) = generate(app, spec).await?;
        let mut ask = SignRequest::new(request.clone());
        ask.profile = profile;
        ask.label = root.text_of("label")?.unwrap_or_default().to_owned();
        let certificate = app.signer.sign(&ask, OffsetDateTime::now_utc()).await?;
        let mut result = material(&key, &request)?;
        let der = Certificate::from_pem(&certificate).map_err(Failure::internal)?;
        result.insert("certificate".to_owned(), certificate.as_str().into());
        result.insert(
            "sums".to_owned(),
            json!({"certificate_request": sums(request.der()), "certificate": sums(der.der())}),
        );
        let success = match root.boolean_of("bundle")? {
            true => bundle::beside(app, result, &certificate)?,
            false => Success::new(result),
        };
        Ok(match without_hosts {
            true => success.with_message(code::INVALID_REQUEST, NO_HOSTS),
            false => success,
        })
    })
}

pub(super) fn init_ca(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let spec = RequestSpec::read(&call.document()?.root())?;
        let made = app.heavy(move || authority::create(&spec, OffsetDateTime::now_utc())).await?;
        let (key, _, certificate) = made.map_err(Failure::bad_request)?;
        let key = key.to_pem().map_err(Failure::internal)?;
        Ok(Success::new(json!({"private_key": key, "certificate": certificate.to_pem()})))
    })
}

async fn generate(app: &App, spec: RequestSpec) -> Result<(PrivateKey, Request), Failure> {
    if spec.authority.is_some() {
        return Err(Failure::bad_request("ca section only permitted in initca"));
    }
    let made = app.heavy(move || spec.generate()).await?;
    made.map_err(|error| Failure::numbered(code::GENERATION, error))
}

fn material(key: &PrivateKey, request: &Request) -> Result<Map<String, Value>, Failure> {
    let mut result = Map::new();
    let key = key.to_pem().map_err(Failure::internal)?;
    result.insert("private_key".to_owned(), key.into());
    result.insert("certificate_request".to_owned(), request.to_pem().into());
    Ok(result)
}

/// Digests by which people compare. CFSSL's has MD5 too, which is left out: nobody should.
fn sums(der: &[u8]) -> Value {
    let upper = |hash: Hash| hex(&hash.of(der)).to_ascii_uppercase();
    json!({"sha-1": upper(Hash::Sha1), "sha-256": upper(Hash::Sha256)})
}
