//! `$(VAR)` in commands, arguments, values and sub-paths.

/// Replaces each `$(NAME)` that `lookup` knows. `$$` is a dollar sign, so `$$(NAME)` stays as
/// `$(NAME)`; an unknown name stays as it is written, as upstream.
pub fn expand<'a>(text: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) =
            tail.strip_prefix('(').and_then(|tail| tail.split_once(')'))
        {
            match lookup(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn matches_upstreams_cases() {
        let lookup = |name: &str| match name {
            "A" => Some("a"),
            "REF" => Some("$(A)"),
            "EMPTY" => Some(""),
            _ => None,
        };
        let cases = [
            ("$(A)", "a"),
            ("___$(A)___$(A)", "___a___a"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$a"),
            ("$$$$(A)", "$$(A)"),
            ("$(REF)", "$(A)"),
            ("$(EMPTY)x", "x"),
            ("$(A", "$(A"),
            ("$A $ $", "$A $ $"),
            ("$((A))", "$((A))"),
            ("é$(A)é", "éaé"),
        ];
        for (text, wanted) in cases {
            assert_eq!(expand(text, lookup), wanted, "{text}");
        }
    }
}
