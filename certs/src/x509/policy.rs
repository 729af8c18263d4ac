//! Certificate policies with their qualifiers.

use super::extensions::Extension;
use super::identifier::{ObjectIdentifier, oid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub identifier: ObjectIdentifier,
    pub qualifiers: Vec<Qualifier>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// Where the certification practice statement is; ASCII.
    PracticeStatement(String),
    UserNotice(String),
}

impl Policy {
    pub(super) fn extension(policies: &[Self]) -> Option<Extension> {
        if policies.is_empty() {
            return None;
        }
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for policy in policies {
                    writer.next().write_sequence(|writer| {
                        policy.identifier.write(writer.next());
                        if !policy.qualifiers.is_empty() {
                            writer.next().write_sequence(|writer| {
                                for qualifier in &policy.qualifiers {
                                    qualifier.write(writer.next());
                                }
                            });
                        }
                    });
                }
            });
        });
        Some(Extension { identifier: oid::certificate_policies(), critical: false, value })
    }
}

impl Qualifier {
    fn write(&self, writer: yasna::DERWriter<'_>) {
        writer.write_sequence(|writer| match self {
            Self::PracticeStatement(uri) => {
                oid::practice_statement().write(writer.next());
                writer.next().write_ia5_string(uri);
            }
            Self::UserNotice(text) => {
                oid::user_notice().write(writer.next());
                writer.next().write_sequence(|writer| writer.next().write_utf8_string(text));
            }
        });
    }
}
