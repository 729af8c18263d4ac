//! Who a request says it is from, and how it proves that.

use tonic::metadata::MetadataMap;

use crate::server::PeerCertificates;
use crate::server::access::Caller;

/// Where a token is found, gRPC's own name first; the other is that of HTTP.
const TOKEN_FIELDS: [&str; 2] = ["token", "authorization"];

/// What the JSON gateway marks its requests with. They come over a connection of its own, so the
/// certificate on it is nobody's proof.
const GATEWAY_FIELD: &str = "grpcgateway-accept";

/// The token of a request, if it has one.
pub(super) fn token(metadata: &MetadataMap) -> Option<&str> {
    let field = TOKEN_FIELDS.iter().find_map(|field| metadata.get(*field))?;
    // What is no text is no token of ours, and is refused as one.
    let token = field.to_str().unwrap_or_default();
    Some(token.strip_prefix("Bearer ").unwrap_or(token))
}

/// The common name on the certificate that the client's connection was verified by.
pub(in crate::server) fn common_name(caller: &Caller) -> Option<String> {
    if caller.metadata.contains_key(GATEWAY_FIELD) {
        return None;
    }
    let certificates = caller.extensions.get::<PeerCertificates>()?;
    let certificate = certificates.0.first()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    // Of several names the last counts, as in Go.
    let name = certificate.subject().iter_common_name().last();
    let name = name.and_then(|name| name.as_str().ok()).unwrap_or_default();
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn metadata(fields: &[(&'static str, &str)]) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (field, value) in fields {
            metadata.insert(*field, value.parse().expect("the value is ASCII"));
        }
        metadata
    }

    #[test]
    fn a_token_is_found_under_either_name() {
        type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);
        let cases: [Case; 5] = [
            (&[], None),
            (&[("token", "abc.1")], Some("abc.1")),
            (&[("authorization", "abc.1")], Some("abc.1")),
            (&[("authorization", "Bearer abc.1")], Some("abc.1")),
            (&[("authorization", "abc.1"), ("token", "xyz.2")], Some("xyz.2")),
        ];
        for (fields, expected) in cases {
            assert_eq!(token(&metadata(fields)), expected, "{fields:?}");
        }
    }

    fn caller(common_name: &str, fields: &[(&'static str, &str)]) -> Caller {
        let authority = certs::Authority::generate("test").expect("an authority is made");
        let pair = authority.issue(&certs::Leaf::client(common_name, None)).expect("issued");
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
        let chain = [certificate.expect("a certificate is PEM")];
        let mut caller = Caller { metadata: metadata(fields), ..Caller::default() };
        caller.extensions.insert(PeerCertificates(Arc::new(chain)));
        caller
    }

    #[test]
    fn a_certificate_names_its_user_unless_it_is_the_gateways() {
        assert_eq!(common_name(&Caller::default()), None);
        assert_eq!(common_name(&caller("ann", &[])).as_deref(), Some("ann"));
        assert_eq!(common_name(&caller("ann", &[(GATEWAY_FIELD, "*/*")])), None);
    }
}
