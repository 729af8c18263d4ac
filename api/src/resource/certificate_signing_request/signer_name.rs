//! The form of `spec.signerName`: a domain, a slash, and a path in that domain.

use super::LEGACY_UNKNOWN;
use crate::validation::{FieldError, names};

const LABEL_MAX: usize = 63;
/// A namespace's name, a dot, and a name within it.
const PATH_MAX: usize = names::SUBDOMAIN_MAX + LABEL_MAX + 1;
const NAME_MAX: usize = names::SUBDOMAIN_MAX + PATH_MAX + 1;

pub fn validate(field: &str, name: &str) -> Vec<FieldError> {
    if name.is_empty() {
        return vec![FieldError::required(field, "")];
    }
    if name == LEGACY_UNKNOWN {
        let detail = "the legacy signerName is not allowed via this API version";
        return vec![FieldError::invalid(field, name, detail)];
    }
    let Some((domain, path)) = name.split_once('/').filter(|(_, path)| !path.contains('/')) else {
        let detail =
            "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return vec![FieldError::invalid(field, name, detail)];
    };
    let mut errors = Vec::new();
    if domain.len() > names::SUBDOMAIN_MAX {
        errors.push(FieldError::too_long(field, names::SUBDOMAIN_MAX));
    }
    errors.extend(label_faults(field, domain, names::dns1123_label));
    if !domain.contains('.') {
        errors.push(FieldError::invalid(
            field,
            domain,
            "should be a domain with at least two segments separated by dots",
        ));
    }
    errors.extend(label_faults(field, path, names::dns1123_subdomain));
    if path.len() > PATH_MAX {
        errors.push(FieldError::too_long(field, PATH_MAX));
    }
    if name.len() > NAME_MAX {
        errors.push(FieldError::too_long(field, NAME_MAX));
    }
    errors
}

fn label_faults(field: &str, part: &str, check: names::NameCheck) -> Vec<FieldError> {
    let fault = |label: &str, fault: String| {
        FieldError::invalid(field, part, format!("validating label {label:?}: {fault}"))
    };
    part.split('.')
        .flat_map(|label| check(label).into_iter().map(move |found| (label, found)))
        .map(|(label, found)| fault(label, found))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn a_domain_and_a_path() {
        let faults = |name: &str| aggregate(&validate("spec.signerName", name));
        for good in ["example.com/x", "kubernetes.io/kubelet-serving", "a.b/my.namespace-1"] {
            assert_eq!(faults(good), "[]", "{good}");
        }
        for (bad, part) in [
            ("", "Required value"),
            ("example.com", "of the form"),
            ("example.com/a/b", "of the form"),
            ("com/a", "at least two segments"),
            ("Example.com/a", "validating label \"Example\""),
            ("example.com/a..b", "validating label \"\""),
            ("example.com/", "validating label \"\""),
            ("kubernetes.io/legacy-unknown", "legacy signerName"),
        ] {
            assert!(faults(bad).contains(part), "{bad}: {}", faults(bad));
        }
    }
}
