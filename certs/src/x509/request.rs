//! PKCS#10 requests: whoever holds the key asks for a certificate.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::algorithm::SignatureAlgorithm;
use super::error::Error;
use super::extensions::{self, BasicConstraints, Extension};
use super::identifier::{ObjectIdentifier, oid};
use super::key::PrivateKey;
use super::names::{AlternativeNames, context};
use super::pem;
use super::signature::verify_parsed;
use super::subject::Subject;

const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// A request whose signature was verified: its sender holds the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    der: Vec<u8>,
    subject: Subject,
    alternative_names: AlternativeNames,
    public_key: Vec<u8>,
    extensions: Vec<Extension>,
    signature_algorithm: SignatureAlgorithm,
    signed_part: Vec<u8>,
    signature: Vec<u8>,
}

impl Request {
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        Self::from_der(&pem::first(text, &LABELS, "a certificate request")?)
    }

    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (rest, request) = X509CertificationRequest::from_der(der)
            .map_err(|error| Error::malformed("certificate request", error))?;
        if !rest.is_empty() {
            return Err(Error::malformed("certificate request", "bytes follow it"));
        }
        let info = &request.certification_request_info;
        verify_parsed(
            "certificate request",
            &info.subject_pki,
            &request.signature_algorithm,
            info.raw,
            &request.signature_value.data,
        )?;
        let extensions = requested_extensions(&request)?;
        let alternative_names = alternative_names(&extensions)?;
        let algorithm = request.signature_algorithm.algorithm.as_bytes();
        Ok(Self {
            der: der.to_vec(),
            subject: Subject::parsed(&info.subject),
            alternative_names,
            public_key: info.subject_pki.raw.to_vec(),
            extensions,
            signature_algorithm: SignatureAlgorithm::of(&ObjectIdentifier::from_bytes(algorithm)),
            signed_part: info.raw.to_vec(),
            signature: request.signature_value.data.to_vec(),
        })
    }

    /// Makes and signs a request. `extensions` are asked for besides the alternative names.
    pub fn new(
        key: &PrivateKey,
        subject: &Subject,
        alternative_names: &AlternativeNames,
        extensions: &[Extension],
    ) -> Result<Self, Error> {
        let names = alternative_names.extension(false);
        let asked: Vec<&Extension> = names.iter().chain(extensions).collect();
        let info = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(0);
                subject.write(writer.next());
                writer.next().write_der(key.public_key_der());
                writer.next().write_tagged_implicit(context(0), |writer| {
                    writer.write_set(|writer| {
                        if !asked.is_empty() {
                            write_extension_request(writer.next(), &asked);
                        }
                    });
                });
            });
        });
        let signature = key.sign(&info)?;
        Self::from_der(&yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&info);
                key.signature_algorithm().write(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
            });
        }))
    }

    pub fn to_pem(&self) -> String {
        pem::encode(LABELS[0], &self.der)
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub fn alternative_names(&self) -> &AlternativeNames {
        &self.alternative_names
    }

    /// The SubjectPublicKeyInfo.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    /// All extensions that are asked for, the alternative names too.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    pub fn extension(&self, identifier: &ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.identifier == *identifier)
    }

    /// None when the request does not say.
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>, Error> {
        let extension = self.extension(&oid::basic_constraints());
        extension.map(Extension::as_basic_constraints).transpose()
    }

    /// What the signature is over.
    pub fn signed_part(&self) -> &[u8] {
        &self.signed_part
    }

    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.signature_algorithm
    }
}

fn write_extension_request(writer: yasna::DERWriter<'_>, asked: &[&Extension]) {
    writer.write_sequence(|writer| {
        oid::extension_request().write(writer.next());
        writer.next().write_set(|writer| {
            writer.next().write_sequence(|writer| {
                asked.iter().for_each(|extension| extension.write(writer.next()));
            });
        });
    });
}

fn requested_extensions(request: &X509CertificationRequest<'_>) -> Result<Vec<Extension>, Error> {
    let wanted = oid::extension_request();
    let attributes = request.certification_request_info.attributes();
    let Some(attribute) =
        attributes.iter().find(|attribute| attribute.oid.as_bytes() == wanted.as_bytes())
    else {
        return Ok(Vec::new());
    };
    extensions::parse_requested(attribute.value)
}

fn alternative_names(extensions: &[Extension]) -> Result<AlternativeNames, Error> {
    let wanted = oid::subject_alternative_name();
    match extensions.iter().find(|extension| extension.identifier == wanted) {
        Some(extension) => AlternativeNames::of_value(&extension.value),
        None => Ok(AlternativeNames::default()),
    }
}
