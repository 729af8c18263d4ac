//! Which runtime a node gets, and one line that says so.

use super::RuntimeKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Never `Auto` and never `Cri`.
    pub kind: RuntimeKind,
    /// What was picked and why, for the log.
    pub line: String,
}

/// Something that the machine must offer, in a few words, and what is in the way.
pub type Check<'a> = (&'a str, &'a dyn Fn() -> Result<(), String>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "runtime containers is not possible here: {check}: {reason}; --runtime hollow needs nothing of the machine"
    )]
    Impossible { check: String, reason: String },
    #[error("runtime cri is not available in this build yet: use auto, containers, hollow or none")]
    CriNotAvailable,
}

/// Picks. The first check that fails decides against containers: `Auto` then falls back to hollow
/// pods, `Containers` is an error.
pub fn choose(asked: RuntimeKind, checks: &[Check<'_>]) -> Result<Choice, Error> {
    let failed = || checks.iter().find_map(|(name, check)| Some((*name, check().err()?)));
    match asked {
        RuntimeKind::Auto => Ok(match failed() {
            None => {
                let names: Vec<&str> = checks.iter().map(|(name, _)| *name).collect();
                let line =
                    format!("runtime: containers (auto: this machine has {})", names.join(", "));
                Choice { kind: RuntimeKind::Containers, line }
            }
            Some((name, reason)) => {
                let line = format!(
                    "runtime: hollow, pods only pretend to run (auto: containers are not possible here: {name}: {reason})"
                );
                Choice { kind: RuntimeKind::Hollow, line }
            }
        }),
        RuntimeKind::Containers => match failed() {
            None => Ok(given(asked)),
            Some((check, reason)) => Err(Error::Impossible { check: check.to_owned(), reason }),
        },
        RuntimeKind::Cri => Err(Error::CriNotAvailable),
        RuntimeKind::Hollow | RuntimeKind::None => Ok(given(asked)),
    }
}

fn given(kind: RuntimeKind) -> Choice {
    Choice { kind, line: format!("runtime: {kind} (as asked for)") }
}

/// Whether the kernel can lay file systems over each other.
pub fn overlayfs() -> Result<(), String> {
    let known = std::fs::read_to_string("/proc/filesystems")
        .map_err(|error| format!("/proc/filesystems: {error}"))?;
    if known.lines().any(|line| line.split_whitespace().last() == Some("overlay")) {
        return Ok(());
    }
    Err("the kernel does not list overlay in /proc/filesystems (modprobe overlay)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_falls_back_and_says_why() {
        let yes = || Ok(());
        let no = || Err("permission denied".to_owned());
        let good: [Check<'_>; 2] = [("namespaces", &yes), ("overlayfs", &yes)];
        let bad: [Check<'_>; 2] = [("namespaces", &yes), ("cgroups", &no)];
        let kind = |asked, checks: &[Check<'_>]| choose(asked, checks).map(|choice| choice.kind);
        assert_eq!(kind(RuntimeKind::Auto, &good), Ok(RuntimeKind::Containers));
        let choice = choose(RuntimeKind::Auto, &bad).expect("a choice");
        assert_eq!(choice.kind, RuntimeKind::Hollow);
        assert!(choice.line.contains("cgroups: permission denied") && !choice.line.contains('\n'));
        assert!(choose(RuntimeKind::Containers, &bad).is_err());
        assert_eq!(kind(RuntimeKind::None, &bad), Ok(RuntimeKind::None));
        assert_eq!(kind(RuntimeKind::Cri, &good), Err(Error::CriNotAvailable));
    }
}
