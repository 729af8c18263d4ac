//! Downgrades: which are possible, and which is under way.
//!
//! As in etcd, one step of the minor version at a time. Enabling notes the target for all members
//! to see until it is cancelled; the members go on as they are until they are replaced.

use tonic::Status;

use super::http::cluster_version;

/// A version as far as clusters tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minor {
    major: u64,
    minor: u64,
}

impl Minor {
    /// `3.5`, or a whole version of which the rest is ignored.
    fn parse(text: &str) -> Option<Self> {
        let (release, suffix) = match text.split_once(['-', '+']) {
            Some((release, suffix)) => (release, Some(suffix)),
            None => (text, None),
        };
        let mut parts = release.split('.');
        let mut number = || {
            let digits = parts.next()?;
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if plain { digits.parse::<u64>().ok() } else { None }
        };
        let (major, minor) = (number()?, number()?);
        let patch = number();
        let rest_is_version = match (patch, suffix) {
            (None, None) => release.split('.').count() == 2,
            (None, Some(_)) => false,
            (Some(_), suffix) => {
                release.split('.').count() == 3 && suffix.is_none_or(|suffix| !suffix.is_empty())
            }
        };
        rest_is_version.then_some(Self { major, minor })
    }
}

/// The target that a request names, as clusters write it (`3.5.0`), if members of `current` can be
/// replaced by members of it.
fn target(current: &str, requested: &str, under_way: bool) -> Result<Box<str>, Status> {
    let wrong_format = "etcdserver: wrong downgrade target version format";
    let requested =
        Minor::parse(requested).ok_or_else(|| Status::invalid_argument(wrong_format))?;
    let current = Minor::parse(current);
    let lower = current.and_then(|current| {
        Some(Minor { major: current.major, minor: current.minor.checked_sub(1)? })
    });
    if lower != Some(requested) {
        let told = "etcdserver: invalid downgrade target version";
        return Err(Status::invalid_argument(told));
    }
    if under_way {
        let told = "etcdserver: cluster has a downgrade job in progress";
        return Err(Status::failed_precondition(told));
    }
    Ok(format!("{}.{}.0", requested.major, requested.minor).into())
}

/// As [`target`], from the version that is served.
pub(super) fn check(requested: &str, under_way: bool) -> Result<Box<str>, Status> {
    target(&cluster_version(), requested, under_way)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn one_minor_version_down_and_one_at_a_time() {
        let wrong =
            Err((Code::InvalidArgument, "etcdserver: wrong downgrade target version format"));
        let invalid = Err((Code::InvalidArgument, "etcdserver: invalid downgrade target version"));
        let busy =
            Err((Code::FailedPrecondition, "etcdserver: cluster has a downgrade job in progress"));
        let cases = [
            ("3.5", false, Ok("3.5.0")),
            ("3.5.9", false, Ok("3.5.0")),
            ("3.5.0-rc.1", false, Ok("3.5.0")),
            ("3.5", true, busy),
            ("3.6.0", false, invalid),
            ("3.4", false, invalid),
            ("3.4", true, invalid),
            ("2.5", false, invalid),
            ("x", false, wrong),
            ("", false, wrong),
            ("3", false, wrong),
            ("3.5.0.1", false, wrong),
            ("3.5.", false, wrong),
            ("v3.5", false, wrong),
        ];
        for (requested, under_way, expected) in cases {
            let told = target("3.6.0", requested, under_way);
            let told = told.as_deref().map_err(|status| (status.code(), status.message()));
            assert_eq!(told, expected, "{requested}");
        }
    }
}
