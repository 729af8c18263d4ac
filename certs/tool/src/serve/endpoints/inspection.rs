//! `certinfo`.

use certs::x509::Certificate;

use super::{Answering, presented};
use crate::database::Key;
use crate::describe::CertificateInfo;
use crate::serve::answer::{Failure, Success, code};
use crate::serve::app::App;
use crate::serve::dispatch::Call;

pub(super) fn certinfo(app: &App, call: Call) -> Answering<'_> {
    Box::pin(async move {
        let document = call.document()?;
        let root = document.root();
        let text = |name| root.text_of(name);
        let parse = |pem: &str| {
            Certificate::from_pem(pem)
                .map_err(|error| Failure::numbered(code::CERTIFICATE_PARSE, error))
        };
        let certificate = match (text("certificate")?, text("domain")?) {
            (Some(pem), _) => parse(pem)?,
            (None, Some(domain)) => {
                let shown = presented(domain, text("ip")?).await?;
                shown.into_iter().next().ok_or_else(|| Failure::internal("nothing was shown"))?
            }
            (None, None) => match (text("serial")?, text("authority_key_id")?) {
                (Some(serial), Some(aki)) => parse(&recorded(app, serial, aki).await?)?,
                _ => return Err(Failure::bad_request("no valid parameter sets found")),
            },
        };
        Ok(Success::new(CertificateInfo::of(&certificate)))
    })
}

async fn recorded(app: &App, serial: &str, aki: &str) -> Result<String, Failure> {
    let database = app.database.as_ref().ok_or_else(|| {
        Failure::bad_request("cannot lookup certificate from serial without db access (-db-config)")
    })?;
    let key = Key::parse(serial, aki)
        .map_err(|error| Failure::bad_request(format_args!("serial: {error}")))?;
    let found = database.find(&key).await?;
    let missing = || Failure::numbered(code::DATABASE_NOT_FOUND, "no such certificate was issued");
    Ok(found.ok_or_else(missing)?.pem)
}
