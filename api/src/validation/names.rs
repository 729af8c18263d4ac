//! The shapes of names that Kubernetes knows, with the words upstream refuses them in.
//!
//! Each check returns every fault as text, in upstream's order; the caller turns a text into a
//! `FieldError` of its field. The regular expressions stand in the messages only: the checks are
//! written out by hand, because each is a few comparisons of bytes and runs on every write.

const LABEL_FMT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FMT: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS1035_FMT: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_FMT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE_FMT: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY_FMT: &str = "[-._a-zA-Z0-9]+";

const LABEL_MAX: usize = 63;
pub const SUBDOMAIN_MAX: usize = 253;

fn regex_error(message: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

fn max_length(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

fn is_lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// `first`, then any of alphanumerics and `-`, ending alphanumeric.
fn is_dns_label(text: &str, first: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        [] => false,
        [head, ..] => {
            first(*head)
                && is_lower_alphanumeric(bytes[bytes.len() - 1])
                && bytes.iter().all(|byte| is_lower_alphanumeric(*byte) || *byte == b'-')
        }
    }
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| is_dns_label(label, is_lower_alphanumeric))
}

/// Alphanumeric at both ends; `-`, `_` and `.` within. Empty is no name.
fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        [] => false,
        [head, ..] => {
            head.is_ascii_alphanumeric()
                && bytes[bytes.len() - 1].is_ascii_alphanumeric()
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        }
    }
}

/// Namespaces, containers, volumes, …
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > LABEL_MAX {
        faults.push(max_length(LABEL_MAX));
    }
    if !is_dns_label(text, is_lower_alphanumeric) {
        faults.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            regex_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
                 or '-', and must start and end with an alphanumeric character",
                LABEL_FMT,
                &["my-name", "123-abc"],
            )
        });
    }
    faults
}

/// Most object names.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(max_length(SUBDOMAIN_MAX));
    }
    if !is_subdomain(text) {
        faults.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN_FMT,
            &["example.com"],
        ));
    }
    faults
}

/// Names of services.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > LABEL_MAX {
        faults.push(max_length(LABEL_MAX));
    }
    if !is_dns_label(text, |byte| byte.is_ascii_lowercase()) {
        faults.push(regex_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character",
            DNS1035_FMT,
            &["my-name", "abc-123"],
        ));
    }
    faults
}

const QUALIFIED_MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and \
                                 must start and end with an alphanumeric character";
const QUALIFIED_EXAMPLES: [&str; 3] = ["MyName", "my.name", "123-abc"];

/// `name` or `dns.prefix/name`: keys of labels and annotations, finalizers, resource names.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let prefix_faults = dns1123_subdomain(prefix);
                faults.extend(prefix_faults.iter().map(|fault| format!("prefix part {fault}")));
            }
            *name
        }
        _ => {
            let shape = regex_error(QUALIFIED_MESSAGE, QUALIFIED_FMT, &QUALIFIED_EXAMPLES);
            return vec![format!(
                "a qualified name {shape} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        faults.push(format!("name part {}", max_length(LABEL_MAX)));
    }
    if !is_qualified_part(name) {
        let shape = regex_error(QUALIFIED_MESSAGE, QUALIFIED_FMT, &QUALIFIED_EXAMPLES);
        faults.push(format!("name part {shape}"));
    }
    faults
}

pub fn label_value(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > LABEL_MAX {
        faults.push(max_length(LABEL_MAX));
    }
    if !text.is_empty() && !is_qualified_part(text) {
        faults.push(regex_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character",
            LABEL_VALUE_FMT,
            &["MyValue", "my_value", "12345"],
        ));
    }
    faults
}

/// Keys of ConfigMaps and Secrets, which become file names.
pub fn config_key(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(max_length(SUBDOMAIN_MAX));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || !text.bytes().all(allowed) {
        faults.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            CONFIG_KEY_FMT,
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." => faults.push("must not be '.'".to_owned()),
        ".." => faults.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
    faults
}

/// Names of environment variables, in upstream's relaxed form (stable since 1.34).
pub fn env_var_name(text: &str) -> Vec<String> {
    let allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    if text.is_empty() || !text.bytes().all(allowed) {
        return vec![regex_error_bare(
            "a valid environment variable name must consist only of printable ASCII characters \
             other than '='",
            "^[ -<>-~]+$",
        )];
    }
    Vec::new()
}

fn regex_error_bare(message: &str, regex: &str) -> String {
    format!("{message} (regex used for validation is '{regex}')")
}

pub fn port_number(port: i64) -> Vec<String> {
    if (1..=65535).contains(&port) {
        Vec::new()
    } else {
        vec!["must be between 1 and 65535, inclusive".to_owned()]
    }
}

/// Names of container ports (IANA service names).
pub fn port_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 15 {
        faults.push("must be no more than 15 characters".to_owned());
    }
    if text.is_empty() || !text.bytes().all(|b| is_lower_alphanumeric(b) || b == b'-') {
        faults.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// An IP address in canonical text.
pub fn ip_address(text: &str) -> Vec<String> {
    match text.parse::<std::net::IpAddr>() {
        Ok(_) => Vec::new(),
        Err(_) => {
            vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]
        }
    }
}

/// A name that stands as one segment of a URL path (leases, RBAC): what upstream asks at least.
pub fn path_segment(text: &str) -> Vec<String> {
    match text {
        "." | ".." => return vec![format!("may not be '{text}'")],
        _ => {}
    }
    ["/", "%"]
        .iter()
        .filter(|piece| text.contains(**piece))
        .map(|piece| format!("may not contain '{piece}'"))
        .collect()
}

/// A check of names, as rows of the resource table hold it.
pub type NameCheck = fn(&str) -> Vec<String>;

/// What a `generateName` looks like once five random letters replace a trailing dash.
pub fn as_prefix(check: NameCheck, prefix: &str) -> Vec<String> {
    match prefix.strip_suffix('-') {
        Some(head) if !head.is_empty() => check(&format!("{head}a")),
        _ => check(prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
        alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
        character (e.g. 'example.com', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric \
        characters or '-', and must start and end with an alphanumeric character (e.g. \
        'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

    #[test]
    fn subdomains() {
        for good in ["a", "web-1", "a.b-c.d", "1", &"a".repeat(253)] {
            assert_eq!(dns1123_subdomain(good), Vec::<String>::new(), "{good}");
        }
        for bad in ["", "Foo", "-a", "a-", "a..b", ".a", "a_b", "a b", "ü"] {
            assert_eq!(dns1123_subdomain(bad), [SUBDOMAIN], "{bad}");
        }
        assert_eq!(dns1123_subdomain(&"a".repeat(254)), ["must be no more than 253 bytes"]);
    }

    #[test]
    fn labels() {
        assert_eq!(dns1123_label("123-abc"), Vec::<String>::new());
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(dns1123_label("Foo"), [LABEL]);
        assert_eq!(dns1123_label(&"a".repeat(64)), ["must be no more than 63 bytes"]);
        assert_eq!(dns1035_label("abc-1"), Vec::<String>::new());
        assert_eq!(
            dns1035_label("1abc"),
            ["a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
              with an alphabetic character, and end with an alphanumeric character (e.g. \
              'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"]
        );
    }

    #[test]
    fn qualified_names() {
        for good in ["app", "A_b.c", "kubernetes.io/arch", "1/2"] {
            assert_eq!(qualified_name(good), Vec::<String>::new(), "{good}");
        }
        assert_eq!(
            qualified_name("bad key"),
            ["name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
              and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
              '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]
        );
        assert_eq!(qualified_name("/x"), ["prefix part must be non-empty"]);
        assert_eq!(qualified_name("a/").len(), 2);
        assert!(qualified_name("a/b/c")[0].ends_with("(e.g. 'example.com/MyName')"));
        assert_eq!(qualified_name("UP/x"), [format!("prefix part {SUBDOMAIN}")]);
    }

    #[test]
    fn values_keys_ports() {
        assert_eq!(label_value(""), Vec::<String>::new());
        assert_eq!(label_value("-x").len(), 1);
        assert_eq!(config_key("a.conf"), Vec::<String>::new());
        assert_eq!(config_key(".."), ["must not be '..'"]);
        assert_eq!(config_key("..a"), ["must not start with '..'"]);
        assert_eq!(config_key("a/b").len(), 1);
        assert_eq!(env_var_name("1 odd.NAME"), Vec::<String>::new());
        assert_eq!(env_var_name("A=B").len(), 1);
        assert_eq!(port_name("http-1"), Vec::<String>::new());
        assert_eq!(port_name("80"), ["must contain at least one letter (a-z)"]);
        assert_eq!(port_name("a--b"), ["must not contain consecutive hyphens"]);
        assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
        assert_eq!(path_segment("a/b"), ["may not contain '/'"]);
        assert_eq!(as_prefix(dns1123_subdomain, "web-"), Vec::<String>::new());
    }
}
